//! Host functions while they run: what they may do with the plug-in that calls them.
//!
//! The view of the plug-in is a borrow that no handle can own, so it is kept in a scoped thread-local, and the handle
//! is a number that no other host call has. Invariants: the handle opens its own host call, on its own thread, while
//! that is the innermost one and running; at any other time it opens nothing; the address of the kernel memory stays
//! as it is during a host call.

use std::{
    cell::{Cell, RefCell},
    ffi::c_void,
    ptr,
};

use polyextism::{
    Caller,
    internal::{KERNEL_MEMORY, kernel_used},
};
use scoped_tls_hkt::{ReborrowMut, scoped_thread_local};

use crate::{
    handles::{Handle, Kind},
    mirror::Mirror,
    threads,
};

scoped_thread_local!(static mut FRAME: for<'a> Frame<'a>);

/// A host call that runs, in two words.
struct Frame<'a>(&'a mut dyn Running);

/// What a host call lends. Behind it, borrows of any length are of one type.
trait Running {
    fn handle(&self) -> Handle;
    fn parts(&mut self) -> (Caller<'_>, &mut State);
}

struct HostCall<'a> {
    caller: Caller<'a>,
    handle: Handle,
    state: State,
}

impl Running for HostCall<'_> {
    fn handle(&self) -> Handle {
        self.handle
    }

    fn parts(&mut self) -> (Caller<'_>, &mut State) {
        (self.caller.reborrow(), &mut self.state)
    }
}

/// What a host call needs beside its plug-in.
#[derive(Default)]
struct State {
    mirror: Option<Mirror>,
    /// Why the host function fails, if it does.
    failure: Option<String>,
}

impl<'a, 'b: 'a> ReborrowMut<'a> for Frame<'b> {
    type Result = Frame<'a>;

    #[inline]
    fn reborrow_mut(&'a mut self) -> Frame<'a> {
        Frame(&mut *self.0)
    }
}

/// The innermost call of this thread, for its host functions.
#[derive(Clone, Copy)]
struct Call {
    context: *mut c_void,
    /// Whether the kernel memory stays in its place.
    steady: bool,
}

thread_local! {
    static CALL: Cell<Call> = const {
        Cell::new(Call {
            context: ptr::null_mut(),
            steady: false,
        })
    };
    /// One that is not in use.
    static MIRROR: RefCell<Option<Mirror>> = const { RefCell::new(None) };
}

/// Puts back what was the innermost call before.
struct Outer(Call);

impl Drop for Outer {
    fn drop(&mut self) {
        CALL.set(self.0);
    }
}

/// Runs a call of a plug-in, with what its caller hands over to host functions.
#[inline]
pub(crate) fn within<R>(context: *mut c_void, steady: bool, call: impl FnOnce() -> R) -> R {
    let _outer = Outer(CALL.replace(Call { context, steady }));
    call()
}

/// Runs a host function on behalf of `caller`. Returns why it failed, if it did.
#[inline]
pub(crate) fn enter(caller: Caller<'_>, body: impl FnOnce(Handle)) -> Result<(), String> {
    let handle = Handle::of_token(Kind::Current, threads::token());
    let mut call = HostCall {
        caller,
        handle,
        state: State::default(),
    };
    FRAME.set(Frame(&mut call), || body(handle));
    let HostCall {
        mut caller, state, ..
    } = call;
    if let Some(mirror) = state.mirror {
        give_back(mirror, &mut caller);
    }
    match state.failure {
        None => Ok(()),
        Some(text) => Err(text),
    }
}

#[cold]
fn give_back(mirror: Mirror, caller: &mut Caller<'_>) {
    push(&mirror, caller);
    if mirror.is_small() {
        MIRROR.set(Some(mirror));
    }
}

/// Runs `body` with the plug-in of a host call, unless that is over or not the innermost one of this thread.
#[inline]
fn with<R>(handle: Handle, body: impl FnOnce(&mut Caller<'_>, &mut State) -> R) -> Option<R> {
    // Unset also while `body` of another `with` runs: it has the only borrow.
    if !FRAME.is_set() {
        return None;
    }
    FRAME.with(|Frame(call)| {
        if call.handle() != handle {
            return None;
        }
        let (mut caller, state) = call.parts();
        Some(body(&mut caller, state))
    })
}

/// As [`with`], for what works on the kernel memory.
#[inline]
fn with_memory<R>(handle: Handle, body: impl FnOnce(&mut Caller<'_>) -> R) -> Option<R> {
    with(handle, |caller, state| {
        let Some(mirror) = &mut state.mirror else {
            return body(caller);
        };
        push(mirror, caller);
        let result = body(caller);
        pull(mirror, caller);
        result
    })
}

fn memory<'a>(caller: &'a mut Caller<'_>) -> &'a mut [u8] {
    caller.parts().0.split(KERNEL_MEMORY).0
}

fn push(mirror: &Mirror, caller: &mut Caller<'_>) {
    let memory = memory(caller);
    let used = kernel_used(memory);
    mirror.push(memory, used);
}

fn pull(mirror: &mut Mirror, caller: &mut Caller<'_>) {
    let memory = memory(caller);
    let used = kernel_used(memory);
    mirror.pull(memory, used);
}

/// The address of the kernel memory, which stays until the host function returns.
pub(crate) fn address(handle: Handle) -> *mut u8 {
    let address = with(handle, |caller, state| {
        if CALL.get().steady {
            return memory(caller).as_mut_ptr();
        }
        if state.mirror.is_none() {
            let used = kernel_used(memory(caller));
            let kept = MIRROR.take().filter(|mirror| mirror.size() / 2 >= used);
            state.mirror = kept.or_else(|| Mirror::new(used));
            if let Some(mirror) = &mut state.mirror {
                pull(mirror, caller);
            }
        }
        state
            .mirror
            .as_mut()
            .map_or(ptr::null_mut(), Mirror::address)
    });
    address.unwrap_or(ptr::null_mut())
}

/// Allocates a block of zeros; the null handle if that is impossible.
pub(crate) fn alloc(handle: Handle, size: u64) -> u64 {
    let reach = with(handle, |_, state| {
        state.mirror.as_ref().map_or(usize::MAX, Mirror::size)
    });
    let block = with_memory(handle, |caller| {
        let block = caller.alloc(size).unwrap_or(0);
        let inside = block
            .checked_add(size)
            .is_some_and(|end| end <= reach.unwrap_or(0) as u64);
        if !inside {
            caller.free(block);
        }
        if inside { block } else { 0 }
    });
    block.unwrap_or(0)
}

/// The length of the block, 0 if there is none.
pub(crate) fn length(handle: Handle, block: u64) -> u64 {
    // Clients do not write what this reads.
    with(handle, |caller, _| caller.length(block)).unwrap_or(0)
}

/// Frees a block. Anything else is left alone.
pub(crate) fn free(handle: Handle, block: u64) {
    with_memory(handle, |caller| caller.free(block));
}

/// Copies a part of a block to `bytes`. Returns whether it lies inside the block.
pub(crate) fn read(handle: Handle, block: u64, offset: u64, bytes: &mut [u8]) -> bool {
    let copied = with_memory(handle, |caller| {
        let part = part(caller.read(block).len(), offset, bytes.len())?;
        bytes.copy_from_slice(&caller.read(block)[part]);
        Some(())
    });
    copied.flatten().is_some()
}

/// Copies `bytes` to a part of a block. Returns whether it lies inside the block.
pub(crate) fn write(handle: Handle, block: u64, offset: u64, bytes: &[u8]) -> bool {
    let copied = with_memory(handle, |caller| {
        let part = part(caller.read(block).len(), offset, bytes.len())?;
        caller.read_mut(block)[part].copy_from_slice(bytes);
        Some(())
    });
    copied.flatten().is_some()
}

fn part(size: usize, offset: u64, length: usize) -> Option<std::ops::Range<usize>> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(length)?;
    (end <= size).then_some(start..end)
}

/// Has the host function fail with a text when it returns. Returns whether it is running.
pub(crate) fn fail(handle: Handle, text: String) -> bool {
    with(handle, |_, state| state.failure = Some(text)).is_some()
}

/// What the caller of the plug-in hands over.
pub(crate) fn context(handle: Handle) -> *mut c_void {
    with(handle, |_, _| CALL.get().context).unwrap_or(ptr::null_mut())
}
