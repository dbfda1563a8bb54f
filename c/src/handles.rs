//! Handles, which C code has in place of pointers to our objects.
//!
//! A handle is a number of the size of a pointer: its kind, the index of a slot, and how often the slot was used
//! before. It is never dereferenced. Slots live as long as the process, so any thread can look up any number at any
//! time. This module does not know what the slots contain.
//!
//! Invariants: no handle is issued twice; a removed handle finds nothing; an object lives until its last user drops
//! it; no lock is taken, so a fork leaves none locked; no address of an object is a handle, because such addresses
//! are even.

use std::{
    marker::PhantomData,
    ops::Deref,
    sync::{
        Arc,
        atomic::{
            AtomicU32, AtomicU64,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
};

use arc_swap::{ArcSwapOption, Guard};
use once_cell::race::OnceBox;

/// A handle as C code has it.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Handle(usize);

/// The kind of a handle. The numbers are odd and distinct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Plugin = 1,
    Compiled = 3,
    Function = 5,
    Cancel = 7,
    Current = 9,
}

const KIND_BITS: u32 = 4;
/// Allows a million objects of a kind at a time.
const PLACE_BITS: u32 = 20;
/// Some hosts keep pointers in 47 bits.
const USE_BITS: u32 = 47 - KIND_BITS - PLACE_BITS;
/// The size of the first segment; each further one is twice as large.
const FIRST: u32 = 64;
const SEGMENTS: usize = (PLACE_BITS - FIRST.trailing_zeros()) as usize;

impl Handle {
    pub(crate) const NULL: Self = Self(0);

    fn new(kind: Kind, place: u32, uses: u32) -> Self {
        let number = (uses as usize) << PLACE_BITS | place as usize;
        Self(number << KIND_BITS | kind as usize)
    }

    /// The handle of an object without a slot, from a unique number.
    pub(crate) fn of_token(kind: Kind, token: u64) -> Self {
        Self((token as usize) << KIND_BITS | kind as usize)
    }

    fn parts(self, kind: Kind) -> Option<(u32, u32)> {
        let number = self.0 >> KIND_BITS;
        let place = number & ((1 << PLACE_BITS) - 1);
        let uses = u32::try_from(number >> PLACE_BITS).ok()?;
        let is_kind = self.0 & ((1 << KIND_BITS) - 1) == kind as usize;
        is_kind.then_some((place as u32, uses))
    }

    pub(crate) fn is_null(self) -> bool {
        self.0 == 0
    }
}

/// The objects of one kind.
pub(crate) struct Table<T: Send + Sync + 'static> {
    kind: Kind,
    segments: [OnceBox<Box<[Slot<T>]>>; SEGMENTS],
    /// The number of slots that were ever used.
    used: AtomicU32,
    /// The head of the list of free slots: its index plus one, and a counter against the ABA problem.
    free: AtomicU64,
    objects: PhantomData<T>,
}

struct Slot<T> {
    /// How often the slot was used.
    uses: AtomicU32,
    /// The index of the next free slot plus one.
    next: AtomicU32,
    object: ArcSwapOption<Entry<T>>,
}

struct Entry<T> {
    uses: u32,
    object: T,
}

/// A reference to an object, which lives at least until this is dropped.
pub(crate) struct Held<T>(Guard<Option<Arc<Entry<T>>>>);

impl<T> Deref for Held<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0.as_ref().expect("`get` looks before").object
    }
}

impl<T: Send + Sync + 'static> Table<T> {
    pub(crate) const fn new(kind: Kind) -> Self {
        Self {
            kind,
            segments: [const { OnceBox::new() }; SEGMENTS],
            used: AtomicU32::new(0),
            free: AtomicU64::new(0),
            objects: PhantomData,
        }
    }

    /// Adds an object, or returns it if there are too many.
    pub(crate) fn insert(&self, object: T) -> Result<Handle, T> {
        let place = self.take_free().or_else(|| self.take_fresh());
        let slot = place.and_then(|place| Some((place, self.slot(place)?)));
        let Some((place, slot)) = slot else {
            return Err(object);
        };
        let uses = slot.uses.load(Relaxed);
        slot.object.store(Some(Arc::new(Entry { uses, object })));
        Ok(Handle::new(self.kind, place, uses))
    }

    /// The object of a handle, if it exists.
    #[inline]
    pub(crate) fn get(&self, handle: Handle) -> Option<Held<T>> {
        let (place, uses) = handle.parts(self.kind)?;
        let found = self.slot(place)?.object.load();
        let is_there = found.as_ref().is_some_and(|entry| entry.uses == uses);
        is_there.then_some(Held(found))
    }

    /// Removes an object. It is dropped with its last reference. Returns whether it existed.
    pub(crate) fn remove(&self, handle: Handle) -> bool {
        let Some((place, slot)) = handle
            .parts(self.kind)
            .and_then(|(place, _)| Some((place, self.slot(place)?)))
        else {
            return false;
        };
        let Some(held) = self.get(handle) else {
            return false;
        };
        let before = slot.object.compare_and_swap(&held.0, None);
        let removed = match (&*before, &*held.0) {
            (Some(before), Some(held)) => Arc::ptr_eq(before, held),
            _ => false,
        };
        if removed {
            let uses = slot.uses.fetch_add(1, Relaxed) + 1;
            // A slot without unused handles is not reused.
            if uses < 1 << USE_BITS {
                self.give_free(place, slot);
            }
        }
        removed
    }

    fn slot(&self, place: u32) -> Option<&Slot<T>> {
        let from_first = place + FIRST;
        let segment = (from_first.ilog2() - FIRST.ilog2()) as usize;
        let start = (FIRST << segment) - FIRST;
        let slots = self.segments.get(segment)?.get()?;
        slots.get((place - start) as usize)
    }

    fn take_fresh(&self) -> Option<u32> {
        let more = |used: u32| {
            let last = (FIRST << (SEGMENTS - 1)) * 2 - FIRST;
            (used < last).then_some(used + 1)
        };
        let place = self.used.fetch_update(Relaxed, Relaxed, more).ok()?;
        let segment = ((place + FIRST).ilog2() - FIRST.ilog2()) as usize;
        self.segments[segment].get_or_init(|| {
            let slot = || Slot {
                // From 1, so that no small number is a handle.
                uses: AtomicU32::new(1),
                next: AtomicU32::new(0),
                object: ArcSwapOption::const_empty(),
            };
            Box::new((0..FIRST << segment).map(|_| slot()).collect())
        });
        Some(place)
    }

    fn take_free(&self) -> Option<u32> {
        let mut head = self.free.load(Acquire);
        loop {
            let place = (head as u32).checked_sub(1)?;
            // If another thread has taken it meanwhile, the head differs and the exchange fails.
            let next = self.slot(place)?.next.load(Relaxed);
            let after = counted(head, next);
            match self
                .free
                .compare_exchange_weak(head, after, AcqRel, Acquire)
            {
                Ok(_) => return Some(place),
                Err(other) => head = other,
            }
        }
    }

    fn give_free(&self, place: u32, slot: &Slot<T>) {
        let mut head = self.free.load(Relaxed);
        loop {
            slot.next.store(head as u32, Relaxed);
            let after = counted(head, place + 1);
            match self
                .free
                .compare_exchange_weak(head, after, Release, Relaxed)
            {
                Ok(_) => return,
                Err(other) => head = other,
            }
        }
    }
}

/// The head that follows another one.
fn counted(head: u64, next: u32) -> u64 {
    let count = (head >> 32).wrapping_add(1) << 32;
    count | u64::from(next)
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashSet,
        sync::{
            Arc, Mutex,
            atomic::{AtomicUsize, Ordering::SeqCst},
        },
        thread,
    };

    use super::{Handle, Kind, Table};

    /// Counts how many of them exist.
    struct Counted(Arc<AtomicUsize>, usize);

    impl Counted {
        fn new(count: &Arc<AtomicUsize>, value: usize) -> Self {
            count.fetch_add(1, SeqCst);
            Self(count.clone(), value)
        }
    }

    /// Adds an object, where there are few.
    fn put<T: Send + Sync>(table: &Table<T>, object: T) -> Handle {
        match table.insert(object) {
            Ok(handle) => handle,
            Err(_) => panic!("there is room"),
        }
    }

    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_sub(1, SeqCst);
        }
    }

    #[test]
    fn what_was_removed_is_closed_and_its_handle_never_comes_back() {
        let table = Table::new(Kind::Plugin);
        let mut seen = HashSet::new();
        for value in 0..1000 {
            let handle = put(&table, value);
            assert!(seen.insert(handle));
            assert_eq!(table.get(handle).map(|held| *held), Some(value));
            assert!(table.remove(handle));
            assert!(!table.remove(handle), "it is gone already");
        }
        assert!(seen.into_iter().all(|handle| table.get(handle).is_none()));
    }

    #[test]
    fn what_is_no_handle_finds_nothing() {
        let table = Table::new(Kind::Plugin);
        let handle = put(&table, 1);
        let number = handle.0;
        for other in (0..64).map(|bit| number ^ 1 << bit) {
            assert!(table.get(Handle(other)).is_none(), "{other:#x}");
        }
        let object = Box::new(5);
        for other in [
            0,
            1,
            usize::MAX,
            usize::MAX >> 1,
            (&raw const *object).addr(),
        ] {
            assert!(table.get(Handle(other)).is_none(), "{other:#x}");
            assert!(!table.remove(Handle(other)), "{other:#x}");
        }
    }

    #[test]
    fn what_is_held_stays() {
        let (table, count) = (Table::new(Kind::Plugin), Arc::default());
        let handle = put(&table, Counted::new(&count, 7));
        let held = table.get(handle).expect("it is there");
        assert!(table.remove(handle));
        assert_eq!((held.1, count.load(SeqCst)), (7, 1));
        drop(held);
        assert_eq!(count.load(SeqCst), 0);
    }

    #[test]
    fn threads_neither_lose_nor_share_objects() {
        const THREADS: usize = 4;
        let (table, count) = (Table::new(Kind::Plugin), Arc::default());
        let shared = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let (table, count, shared) = (&table, &count, &shared);
                scope.spawn(move || {
                    for round in 0..2000 {
                        let value = round * THREADS + thread;
                        let own = put(table, Counted::new(count, value));
                        assert_eq!(table.get(own).expect("it is there").1, value);
                        let mut list = shared.lock().expect("nobody panics");
                        list.push(own);
                        let at = value % list.len();
                        let other = list.swap_remove(at);
                        drop(list);
                        assert!(table.remove(other), "nobody else takes it out");
                    }
                });
            }
        });
        for handle in shared.into_inner().expect("nobody panics") {
            assert!(table.remove(handle));
        }
        assert_eq!(count.load(SeqCst), 0);
    }
}
