//! Our rules around functions of the library: a limit on descriptors, no file that blocks the thread, no sleep
//! outside of a future, pointers checked before effects.
//!
//! Invariants: [`State::open`] is the number of open descriptors; a future that is dropped before its end leaves
//! the state unchanged.

use std::mem;

use wasmtime_wasi::{
    WasiView as _,
    filesystem::WasiFilesystemCtx,
    p1::{
        WasiP1Ctx, types,
        wasi_snapshot_preview1::{self as p1, WasiSnapshotPreview1 as _},
    },
};
use wiggle::{GuestError, GuestMemory, GuestPtr};

use super::{
    Errno, HOSTCALL_FUEL, SUCCESS,
    slices::{self, Shape},
    table::Args,
};
use crate::host::wasi::{State, streams::FixedClock};

/// The most random bytes in one step. The library holds them twice.
const RANDOM_CHUNK: u32 = 64 << 10;

pub(super) fn fd_close(state: &mut State, memory: &mut GuestMemory<'_>, a: Args<'_>) -> Errno {
    state.listings.forget(a.u(0));
    let errno = a.wait(p1::fd_close(&mut state.library, memory, a.i(0)))?;
    if errno == SUCCESS {
        state.open -= 1;
    }
    Ok(errno)
}

pub(super) fn fd_renumber(state: &mut State, memory: &mut GuestMemory<'_>, a: Args<'_>) -> Errno {
    state.listings.forget(a.u(0));
    state.listings.forget(a.u(1));
    let errno = a.wait(p1::fd_renumber(&mut state.library, memory, a.i(0), a.i(1)))?;
    // The second descriptor was closed, unless both are the same.
    if errno == SUCCESS && a.u(0) != a.u(1) {
        state.open -= 1;
    }
    Ok(errno)
}

pub(super) fn fd_read(state: &mut State, memory: &mut GuestMemory<'_>, a: Args<'_>) -> Errno {
    let shape = Shape {
        offset: None,
        result: 3,
    };
    slices::moved(state, memory, a, shape, |state, memory, a, _| {
        a.wait(p1::fd_read(
            &mut state.library,
            memory,
            a.i(0),
            a.i(1),
            a.i(2),
            a.i(3),
        ))
    })
}

pub(super) fn fd_write(state: &mut State, memory: &mut GuestMemory<'_>, a: Args<'_>) -> Errno {
    let shape = Shape {
        offset: None,
        result: 3,
    };
    slices::moved(state, memory, a, shape, |state, memory, a, _| {
        a.wait(p1::fd_write(
            &mut state.library,
            memory,
            a.i(0),
            a.i(1),
            a.i(2),
            a.i(3),
        ))
    })
}

pub(super) fn fd_pread(state: &mut State, memory: &mut GuestMemory<'_>, a: Args<'_>) -> Errno {
    let shape = Shape {
        offset: Some(3),
        result: 4,
    };
    slices::moved(state, memory, a, shape, |state, memory, a, offset| {
        a.wait(p1::fd_pread(
            &mut state.library,
            memory,
            a.i(0),
            a.i(1),
            a.i(2),
            offset,
            a.i(4),
        ))
    })
}

pub(super) fn fd_pwrite(state: &mut State, memory: &mut GuestMemory<'_>, a: Args<'_>) -> Errno {
    let shape = Shape {
        offset: Some(3),
        result: 4,
    };
    slices::moved(state, memory, a, shape, |state, memory, a, offset| {
        a.wait(p1::fd_pwrite(
            &mut state.library,
            memory,
            a.i(0),
            a.i(1),
            a.i(2),
            offset,
            a.i(4),
        ))
    })
}

/// The library copies this path without checking its length.
pub(super) fn path_unlink_file(
    state: &mut State,
    memory: &mut GuestMemory<'_>,
    a: Args<'_>,
) -> Errno {
    if a.u(2) as usize > HOSTCALL_FUEL {
        memory.as_slice(GuestPtr::<[u8]>::new((a.u(1), a.u(2))))?;
        return Ok(types::Errno::Nomem as i32);
    }
    a.wait(p1::path_unlink_file(
        &mut state.library,
        memory,
        a.i(0),
        a.i(1),
        a.i(2),
    ))
}

pub(super) fn path_open(state: &mut State, memory: &mut GuestMemory<'_>, a: Args<'_>) -> Errno {
    // Checked first, so that no call can open a descriptor and then fail.
    memory.read(GuestPtr::<u32>::new(a.u(8)))?;
    if state.open >= state.max_descriptors {
        return Ok(types::Errno::Mfile as i32);
    }
    let library = &mut state.library;
    let errno = a.wait(async {
        if may_block(library, memory, a).await {
            return Ok(types::Errno::Notsup as i32);
        }
        p1::path_open(
            library,
            memory,
            a.i(0),
            a.i(1),
            a.i(2),
            a.i(3),
            a.i(4),
            a.l(5),
            a.l(6),
            a.i(7),
            a.i(8),
        )
        .await
    })?;
    if errno == SUCCESS {
        state.open += 1;
    }
    Ok(errno)
}

/// Whether the path names something that is neither file, folder nor link. Opening a pipe or reading a device may
/// block the thread for ever, and no deadline could end that.
async fn may_block(library: &mut WasiP1Ctx, memory: &mut GuestMemory<'_>, a: Args<'_>) -> bool {
    // The library checks whether a folder is required only after opening.
    let creates = types::Oflags::CREAT | types::Oflags::EXCL;
    if types::Oflags::try_from(a.u(4) as u16).is_ok_and(|flags| flags.contains(creates)) {
        return false;
    }
    let Ok(flags) = types::Lookupflags::try_from(a.u(1)) else {
        return false;
    };
    let path = GuestPtr::<str>::new((a.u(2), a.u(3)));
    let found = library.path_filestat_get(memory, a.u(0).into(), flags, path);
    // The call itself reports the failure.
    let known = [
        types::Filetype::RegularFile,
        types::Filetype::Directory,
        types::Filetype::SymbolicLink,
    ];
    found
        .await
        .is_ok_and(|found| !known.contains(&found.filetype))
}

pub(super) fn random_get(state: &mut State, memory: &mut GuestMemory<'_>, a: Args<'_>) -> Errno {
    let (mut at, mut left) = (a.u(0), a.u(1));
    // The whole range is checked first, so that the host allocates only for bytes inside the memory.
    memory.as_slice_mut(GuestPtr::<[u8]>::new((at, left)))?;
    while left > 0 {
        let chunk = left.min(RANDOM_CHUNK);
        let errno = p1::random_get(&mut state.library, memory, at as i32, chunk as i32)?;
        if errno != SUCCESS {
            return Ok(errno);
        }
        (at, left) = (at.wrapping_add(chunk), left - chunk);
        if let Err(error) = a.alarm.check_interrupt() {
            return Err(error.into());
        }
    }
    Ok(SUCCESS)
}

pub(super) fn poll_oneoff(state: &mut State, memory: &mut GuestMemory<'_>, a: Args<'_>) -> Errno {
    let (events, count) = (a.u(1), a.u(2));
    let wake = match &state.clock {
        Some(clock) => earliest(clock, memory, a)?,
        None => None,
    };
    let mut library = InFutures::new(&mut state.library);
    let errno = a.wait(async {
        p1::poll_oneoff(library.library(), memory, a.i(0), a.i(1), a.i(2), a.i(3)).await
    })?;
    drop(library);
    if let (SUCCESS, Some(clock), Some(wake)) = (errno, &state.clock, wake) {
        let happened = memory.read(GuestPtr::<u32>::new(a.u(3)))?.min(count);
        let events = GuestPtr::<types::Event>::new(events).as_array(happened);
        for event in events.iter() {
            if memory.read(event?)?.type_ == types::Eventtype::Clock {
                clock.advance(wake);
                break;
            }
        }
    }
    Ok(errno)
}

/// How many nanoseconds of a fixed clock remain until the first of the subscribed times.
fn earliest(
    clock: &FixedClock,
    memory: &GuestMemory<'_>,
    a: Args<'_>,
) -> Result<Option<u64>, GuestError> {
    let (at, count) = (a.u(0), a.u(2));
    let mut earliest: Option<u64> = None;
    for subscription in GuestPtr::<types::Subscription>::new(at)
        .as_array(count)
        .iter()
    {
        let types::SubscriptionU::Clock(wanted) = memory.read(subscription?)?.u else {
            continue;
        };
        let absolute = types::Subclockflags::SUBSCRIPTION_CLOCK_ABSTIME;
        let now = match (wanted.flags.contains(absolute), wanted.id) {
            (false, _) => 0,
            (true, types::Clockid::Realtime) => clock.today(),
            (true, _) => clock.elapsed(),
        };
        let left = wanted.timeout.saturating_sub(now);
        earliest = Some(earliest.map_or(left, |other| other.min(left)));
    }
    Ok(earliest)
}

/// The library in the mode in which it must not block the thread. Otherwise it would sleep with `thread::sleep`
/// instead of a future, and nothing could wake it.
struct InFutures<'a> {
    library: &'a mut WasiP1Ctx,
    files: WasiFilesystemCtx,
}

impl<'a> InFutures<'a> {
    fn new(library: &'a mut WasiP1Ctx) -> Self {
        // The first use of any descriptor opens the allowed folders, so it must happen before.
        _ = library.fd_tell(&mut GuestMemory::Unshared(&mut []), 0.into());
        let files = mem::take(library.ctx().ctx.filesystem());
        Self { library, files }
    }

    fn library(&mut self) -> &mut WasiP1Ctx {
        self.library
    }
}

impl Drop for InFutures<'_> {
    fn drop(&mut self) {
        mem::swap(self.library.ctx().ctx.filesystem(), &mut self.files);
    }
}
