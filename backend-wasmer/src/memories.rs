//! Memories that instances of one program reuse.
//!
//! wasmer maps every memory anew and copies the data of the module into it, page by page. Here, an image is taken
//! of the initial content of each memory of the first instance. Later instances map the image privately, so a page
//! costs only when it is written. The system resets a memory that is no longer used to its image, and the memory is
//! kept for the next instance. This file does not know programs: a [`Stock`] belongs to one linked program, whose
//! memories always have the same initial content.
//!
//! Invariants: a memory is kept only if it has its initial size and the system has reset all of it; any other is
//! unmapped; no thread waits for a lock, because a fork may leave one locked.

#![allow(unsafe_code, reason = "see SAFETY")]

mod image;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    ptr::NonNull,
    slice,
    sync::{
        Arc, Mutex, MutexGuard, TryLockError,
        atomic::{AtomicBool, Ordering},
    },
};

use polyextism_core::backend::Room;
use rustix::mm::Advice;
use wasmer::{
    MemoryError, MemoryStyle, MemoryType, Pages, TableType,
    sys::{
        BaseTunables, Tunables,
        vm::{
            LinearMemory, TableStyle, Trap, VMMemory, VMMemoryDefinition, VMTable,
            VMTableDefinition, initialize_memory_with_data,
        },
    },
};

use self::image::{Image, Written};

/// How many copies of each memory of a program are kept.
const KEPT: usize = 16;

/// The memories of a program, by module and position in it.
#[derive(Debug, Default)]
pub(crate) struct Stock(Mutex<BTreeMap<Key, Slot>>);

/// A memory of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    module: usize,
    memory: usize,
}

/// The kept copies of one memory of a program.
#[derive(Debug, Default)]
struct Slot {
    /// The initial content; `None` until an instance was made.
    image: Option<Arc<Image>>,
    spare: Vec<VMMemory>,
}

thread_local! {
    /// The memories that this thread is making.
    static MAKING: RefCell<Option<Making>> = const { RefCell::new(None) };
}

/// The memories of an instance that is being made.
struct Making {
    stock: Arc<Stock>,
    module: usize,
    next: usize,
    fresh: Vec<(Key, NonNull<VMMemoryDefinition>, Arc<Begin>)>,
}

/// The state of a memory.
#[derive(Debug, Default)]
struct Begin {
    /// Whether the system resets it to its initial content.
    has_image: AtomicBool,
    /// Where data was written into it.
    written: Written,
}

impl Stock {
    fn slots(&self) -> Option<MutexGuard<'_, BTreeMap<Key, Slot>>> {
        match self.0.try_lock() {
            Ok(slots) => Some(slots),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Makes an instance with `make`, which calls [`module`] before each module. Memories that are made meanwhile
    /// come from here.
    pub(crate) fn supply<T, E>(
        self: &Arc<Self>,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let making = Making {
            stock: Arc::clone(self),
            module: 0,
            next: 0,
            fresh: Vec::new(),
        };
        let outer = Outer(MAKING.replace(Some(making)));
        let made = make();
        let making = MAKING.take();
        drop(outer);
        if let (Some(making), Ok(_)) = (making, &made) {
            making.take_images();
        }
        made
    }
}

/// The outer state, restored also after a panic.
struct Outer(Option<Making>);

impl Drop for Outer {
    fn drop(&mut self) {
        MAKING.set(self.0.take());
    }
}

/// Sets the module of the program that is instantiated now.
pub(crate) fn module(position: usize) {
    MAKING.with_borrow_mut(|making| {
        if let Some(making) = making {
            (making.module, making.next) = (position, 0);
        }
    });
}

impl Making {
    /// Takes images of memories that have none. Their instances live, and no guest code has run.
    fn take_images(self) {
        let Some(mut slots) = self.stock.slots() else {
            return;
        };
        for (key, location, begin) in self.fresh {
            let slot = slots.entry(key).or_default();
            if slot.image.is_some() {
                continue;
            }
            let units = begin.written.units();
            // SAFETY: The definition is in the state of a live instance, and nothing runs that could change it.
            let memory = unsafe { *location.as_ptr() };
            if units.end <= memory.current_length {
                // SAFETY: As above: this many bytes are mapped at `base`, and nothing writes there.
                let bytes = unsafe { slice::from_raw_parts(memory.base, units.end) };
                slot.image = Image::of(bytes, units.start).map(Arc::new);
            }
        }
    }
}

/// The maker of the memories of an engine.
pub(crate) struct Supplied {
    base: BaseTunables,
    room: Room,
}

/// The tunables of an engine.
pub(crate) fn supplied(base: BaseTunables, room: Room) -> Supplied {
    Supplied { base, room }
}

impl Tunables for Supplied {
    fn memory_style(&self, memory: &MemoryType) -> MemoryStyle {
        match self.room {
            Room::Ample => self.base.memory_style(memory),
            // Nothing is reserved, neither for what it may grow to nor behind it; it moves instead.
            Room::Scarce => MemoryStyle::Dynamic {
                offset_guard_size: self.base.dynamic_memory_offset_guard_size,
            },
        }
    }

    fn table_style(&self, table: &TableType) -> TableStyle {
        self.base.table_style(table)
    }

    fn create_host_memory(
        &self,
        ty: &MemoryType,
        style: &MemoryStyle,
    ) -> Result<VMMemory, MemoryError> {
        self.base.create_host_memory(ty, style)
    }

    unsafe fn create_vm_memory(
        &self,
        ty: &MemoryType,
        style: &MemoryStyle,
        location: NonNull<VMMemoryDefinition>,
    ) -> Result<VMMemory, MemoryError> {
        let supplied = match style {
            // Other memories move when they grow.
            MemoryStyle::Static { .. } if !ty.shared => MAKING.with_borrow_mut(|making| {
                let making = making.as_mut()?;
                Some(Supply::new(making, ty, style, location))
            }),
            _ => None,
        };
        match supplied {
            Some(memory) => Ok(VMMemory(Box::new(memory?))),
            // SAFETY: As the caller promises.
            None => unsafe { self.base.create_vm_memory(ty, style, location) },
        }
    }

    fn create_host_table(&self, ty: &TableType, style: &TableStyle) -> Result<VMTable, String> {
        self.base.create_host_table(ty, style)
    }

    unsafe fn create_vm_table(
        &self,
        ty: &TableType,
        style: &TableStyle,
        location: NonNull<VMTableDefinition>,
    ) -> Result<VMTable, String> {
        // SAFETY: As the caller promises.
        unsafe { self.base.create_vm_table(ty, style, location) }
    }
}

/// A memory of an instance that goes back to the stock.
#[derive(Debug)]
struct Supply {
    /// Present until it is dropped.
    memory: Option<VMMemory>,
    /// The location that the instance reads.
    location: NonNull<VMMemoryDefinition>,
    first: Pages,
    begin: Arc<Begin>,
    stock: Arc<Stock>,
    key: Key,
}

// SAFETY: `location` points into the state of the instance whose store owns this memory: both move together
// and are used by one thread at a time, as wasmer's own memories are.
unsafe impl Send for Supply {}
// SAFETY: As above; nothing is changed through a shared reference but atomics.
unsafe impl Sync for Supply {}

impl Supply {
    fn new(
        making: &mut Making,
        ty: &MemoryType,
        style: &MemoryStyle,
        location: NonNull<VMMemoryDefinition>,
    ) -> Result<Self, MemoryError> {
        let key = Key {
            module: making.module,
            memory: making.next,
        };
        making.next += 1;
        let (spare, image) = match making.stock.slots() {
            Some(mut slots) => {
                let slot = slots.entry(key).or_default();
                (slot.spare.pop(), slot.image.clone())
            }
            None => (None, None),
        };
        let begin = Arc::new(Begin::default());
        let memory = match (spare, image) {
            (Some(spare), _) => {
                begin.has_image.store(true, Ordering::Relaxed);
                spare
            }
            (None, Some(image)) => {
                let memory = VMMemory::new(ty, style)?;
                // SAFETY: The memory owns its definition, is mapped for at least as many bytes as the first one of
                // its kind had, and is not in use.
                let mapped = unsafe { image.map(memory.vmmemory().as_ref().base) };
                begin.has_image.store(mapped, Ordering::Relaxed);
                match mapped {
                    true => memory,
                    // The content is unknown now.
                    false => VMMemory::new(ty, style)?,
                }
            }
            (None, None) => {
                making.fresh.push((key, location, Arc::clone(&begin)));
                VMMemory::new(ty, style)?
            }
        };
        let supply = Self {
            first: memory.size(),
            memory: Some(memory),
            location,
            begin,
            stock: Arc::clone(&making.stock),
            key,
        };
        supply.tell();
        Ok(supply)
    }

    fn memory(&self) -> &VMMemory {
        self.memory
            .as_ref()
            .expect("it is there until it is dropped")
    }

    /// Tells the instance where the memory is and how large.
    fn tell(&self) {
        // SAFETY: The memory owns its definition. `location` is valid for the instance that this memory belongs
        // to, which is not run while its memory is made or grows.
        unsafe { *self.location.as_ptr() = *self.memory().vmmemory().as_ptr() };
    }

    /// Lets the system reset it, if it can be reused.
    fn is_as_at_first(memory: &VMMemory, first: Pages) -> bool {
        // SAFETY: The memory owns its definition.
        let definition = unsafe { *memory.vmmemory().as_ptr() };
        if memory.size() != first {
            return false;
        }
        if definition.current_length == 0 {
            return true;
        }
        // SAFETY: These bytes are the memory's own, and its instance is gone. Pages that are dropped are read from
        // the image again, or are zeros.
        let dropped = unsafe {
            rustix::mm::madvise(
                definition.base.cast(),
                definition.current_length,
                Advice::LinuxDontNeed,
            )
        };
        dropped.is_ok()
    }
}

impl Drop for Supply {
    fn drop(&mut self) {
        let Some(memory) = self.memory.take() else {
            return;
        };
        if !self.begin.has_image.load(Ordering::Relaxed)
            || !Self::is_as_at_first(&memory, self.first)
        {
            return;
        }
        if let Some(mut slots) = self.stock.slots() {
            let slot = slots.entry(self.key).or_default();
            if slot.spare.len() < KEPT {
                slot.spare.push(memory);
            }
        }
    }
}

impl LinearMemory for Supply {
    fn ty(&self) -> MemoryType {
        self.memory().ty()
    }

    fn size(&self) -> Pages {
        self.memory().size()
    }

    fn style(&self) -> MemoryStyle {
        self.memory().style()
    }

    fn grow(&mut self, delta: Pages) -> Result<Pages, MemoryError> {
        let memory = self.memory.as_mut();
        let former = memory
            .expect("it is there until it is dropped")
            .grow(delta)?;
        self.tell();
        Ok(former)
    }

    fn vmmemory(&self) -> NonNull<VMMemoryDefinition> {
        self.location
    }

    fn try_clone(&self) -> Result<Box<dyn LinearMemory + Send + Sync>, MemoryError> {
        Err(unshared())
    }

    unsafe fn initialize_with_data(&self, start: usize, data: &[u8]) -> Result<(), Trap> {
        if self.begin.has_image.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.begin.written.note(start, data.len());
        // SAFETY: The definition is valid, and wasmer has compared the end with its length.
        unsafe { initialize_memory_with_data(self.location.as_ref(), start, data) }
    }

    fn copy(&self) -> Result<Box<dyn LinearMemory + Send + Sync>, MemoryError> {
        Err(unshared())
    }
}

/// A second handle would not follow the memory. Nothing here makes one.
#[cold]
fn unshared() -> MemoryError {
    MemoryError::UnsupportedOperation {
        message: "a memory that is used again has one owner".to_owned(),
    }
}
