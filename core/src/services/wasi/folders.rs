//! Reads folders in pieces. A guest with small buffers makes the host list the folder once, not once for each
//! piece.
//!
//! The library reads every entry of the folder for each call of `fd_readdir`. A guest that takes a hundred of n
//! entries at a time would cause n² / 100 reads, and no deadline could end them. Here the library lists the folder
//! once, in its own format, and the guest gets pieces of the list. The results are those of the library for a
//! folder that does not change.
//!
//! Invariants: a descriptor that is closed or replaced has no listing; all listings of an instance together have
//! [`MOST`] bytes at most; the first cookie always lists the folder again, as `rewinddir` requires.

use wasmtime_wasi::p1::{WasiP1Ctx, types, wasi_snapshot_preview1 as p1};
use wiggle::{GuestMemory, GuestPtr};

use super::{Errno, State, table::Args};
use crate::host::wasi::listings::{Listing, MOST};

const SUCCESS: i32 = types::Errno::Success as i32;

/// The room for a listing at first, and the growth with each attempt.
const ROOM: usize = 64 << 10;
const MORE: usize = 32;

pub(super) fn fd_readdir(state: &mut State, memory: &mut GuestMemory<'_>, a: Args<'_>) -> Errno {
    let (descriptor, buffer, room, cookie) = (a.u(0), a.u(1), a.u(2), a.l(3) as u64);
    let listing = match state.listings.get(descriptor) {
        Some(listing) if cookie > 0 => listing,
        _ => match list(&mut state.library, a)? {
            Ok(listing) => state.listings.keep(descriptor, listing),
            Err(errno) => return Ok(errno),
        },
    };
    let left = listing.from(cookie);
    let piece = &left[..left.len().min(room as usize)];
    memory.copy_from_slice(piece, GuestPtr::<[u8]>::new((buffer, piece.len() as u32)))?;
    memory.write(GuestPtr::<u32>::new(a.u(4)), piece.len() as u32)?;
    // Room that is left tells the guest that it has read everything.
    if piece.len() < room as usize {
        state.listings.forget(descriptor);
    }
    Ok(SUCCESS)
}

/// The listing of the folder, or an errno.
fn list(library: &mut WasiP1Ctx, a: Args<'_>) -> wiggle::error::Result<Result<Listing, i32>> {
    // The library writes the number of bytes in front.
    const BEFORE: usize = 8;
    let mut own = Vec::new();
    let mut room = ROOM;
    loop {
        if own.try_reserve_exact(BEFORE + room).is_err() {
            return Ok(Err(types::Errno::Nomem as i32));
        }
        own.resize(BEFORE + room, 0);
        let mut memory = GuestMemory::Unshared(&mut own);
        let (at, length) = (BEFORE as i32, room as i32);
        let errno = a.wait(p1::fd_readdir(
            library,
            &mut memory,
            a.i(0),
            at,
            length,
            0,
            0,
        ))?;
        if errno != SUCCESS {
            return Ok(Err(errno));
        }
        let written = memory.read(GuestPtr::<u32>::new(0))? as usize;
        if written < room {
            own.truncate(BEFORE + written);
            own.drain(..BEFORE);
            return Ok(Ok(Listing::new(own)));
        }
        if room >= MOST {
            return Ok(Err(types::Errno::Nomem as i32));
        }
        // There is more. The call may have to end before that is read.
        a.alarm.check_interrupt()?;
        room = (room * MORE).min(MOST);
    }
}
