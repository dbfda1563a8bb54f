//! The access of running host functions to the plug-in that calls them.
//!
//! A handle cannot own a borrow of the plug-in. So the borrow is in a scoped thread-local, and the handle is a number
//! that is unique for each host call. Invariants: a handle works only on the thread of its host call, while that call
//! runs and is the innermost one; the address of the kernel memory does not change during a host call.

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

/// A running host call, as a pointer of two words.
struct Frame<'a>(&'a mut dyn Running);

/// A running host call. The trait erases the lifetimes of its borrows.
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

/// The state of a host call.
#[derive(Default)]
struct State {
    mirror: Option<Mirror>,
    /// The error text of the host function, if it fails.
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
    /// Whether the kernel memory never moves.
    steady: bool,
}

thread_local! {
    static CALL: Cell<Call> = const {
        Cell::new(Call {
            context: ptr::null_mut(),
            steady: false,
        })
    };
    /// A mirror for reuse.
    static MIRROR: RefCell<Option<Mirror>> = const { RefCell::new(None) };
}

/// Restores the previous innermost call when it is dropped.
struct Outer(Call);

impl Drop for Outer {
    fn drop(&mut self) {
        CALL.set(self.0);
    }
}

/// Runs a call of a plug-in. `context` is what its host functions get from the caller.
#[inline]
pub(crate) fn within<R>(context: *mut c_void, steady: bool, call: impl FnOnce() -> R) -> R {
    let _outer = Outer(CALL.replace(Call { context, steady }));
    call()
}

/// Runs a host function on behalf of `caller`. Returns its error text if it fails.
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

/// Runs `body` with the plug-in of a host call, if the call is running and the innermost one of this thread.
#[inline]
fn with<R>(handle: Handle, body: impl FnOnce(&mut Caller<'_>, &mut State) -> R) -> Option<R> {
    // Also unset while another `with` runs its `body`, which has the only borrow.
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

/// As [`with`], for operations on the kernel memory.
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

/// The address of the kernel memory. It is valid until the host function returns.
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

/// The length of the block; 0 if there is none.
pub(crate) fn length(handle: Handle, block: u64) -> u64 {
    // Clients do not write to the header that this reads, so the mirror need not be written back.
    with(handle, |caller, _| caller.length(block)).unwrap_or(0)
}

/// Frees a block. Does nothing if there is none.
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

/// Makes the host function fail with a text when it returns. Returns whether the host function is running.
pub(crate) fn fail(handle: Handle, text: String) -> bool {
    with(handle, |_, state| state.failure = Some(text)).is_some()
}

/// The host context that the caller of the plug-in has passed.
pub(crate) fn context(handle: Handle) -> *mut c_void {
    with(handle, |_, _| CALL.get().context).unwrap_or(ptr::null_mut())
}
