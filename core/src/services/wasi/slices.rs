//! Reads and writes in slices, so that the deadline holds however much a guest transfers at once.
//!
//! The library transfers a whole vector in one step and refuses large ones. Here it gets one part of the vector
//! after the other, in the guest's own memory, which nothing else reads during the call.
//!
//! Invariants: the vector is restored afterwards; a call that has transferred something succeeds with the number of
//! bytes; the next slice follows only if this one was transferred as a whole.

use wasmtime_wasi::p1::wasi_snapshot_preview1::WasiSnapshotPreview1 as _;
use wiggle::{GuestMemory, GuestPtr};

use super::{Errno, HOSTCALL_FUEL, SUCCESS, table::Args};
use crate::host::wasi::State;

/// How many bytes are transferred between two checks of the alarm. This takes a millisecond or two.
const SLICE: u32 = 4 << 20;
/// The bytes of a vector: address and length.
const VECTOR: u32 = 8;
/// Standard input, output and error. Partial reads of a pipe are returned at once.
const STREAMS: u32 = 3;

/// A function of the library, at an offset in the file if it has one.
pub(super) type Step = fn(&mut State, &mut GuestMemory<'_>, Args<'_>, i64) -> Errno;

/// The positions of the parameters that follow the vectors.
pub(super) struct Shape {
    /// The offset in the file.
    pub(super) offset: Option<usize>,
    /// The address for the number of transferred bytes.
    pub(super) result: usize,
}

/// A buffer, and the vector that names it.
#[derive(Clone, Copy)]
struct Long {
    vector: u32,
    start: u32,
    length: u32,
}

/// Transfers the first buffer that is not empty with `step`.
pub(super) fn moved(
    state: &mut State,
    memory: &mut GuestMemory<'_>,
    a: Args<'_>,
    shape: Shape,
    step: Step,
) -> Errno {
    let offset = shape.offset.map_or(0, |position| a.l(position));
    let Some(long) = long(memory, a)? else {
        return step(state, memory, a, offset);
    };
    // Checked first, so that nothing is transferred if the number cannot be written.
    let result = GuestPtr::<u32>::new(a.u(shape.result));
    memory.read(result)?;
    memory.as_slice(GuestPtr::<[u8]>::new((long.start, long.length)))?;
    let mut done = 0;
    let outcome = loop {
        let slice = SLICE.min(long.length - done);
        show(memory, long.vector, long.start + done, slice)?;
        let at = offset.wrapping_add(i64::from(done));
        state.library.set_hostcall_fuel(HOSTCALL_FUEL);
        match step(state, memory, a, at) {
            Ok(SUCCESS) => {}
            // Transferred bytes cannot be taken back.
            Ok(_) if done > 0 => break Ok(SUCCESS),
            other => break other,
        }
        let moved = memory.read(result)?.min(slice);
        done += moved;
        if moved < slice || done == long.length || a.u(0) < STREAMS {
            break Ok(SUCCESS);
        }
        if let Err(error) = a.alarm.check_interrupt() {
            break Err(error.into());
        }
    };
    show(memory, long.vector, long.start, long.length)?;
    if let Ok(SUCCESS) = outcome {
        memory.write(result, done)?;
    }
    outcome
}

/// The first buffer that is not empty, if it is longer than a slice and does not overlap its vector.
fn long(memory: &GuestMemory<'_>, a: Args<'_>) -> Result<Option<Long>, wiggle::GuestError> {
    let (vectors, count) = (a.u(1), a.u(2));
    if count as usize > HOSTCALL_FUEL / VECTOR as usize {
        return Ok(None);
    }
    for vector in (0..count).filter_map(|n| vectors.checked_add(n * VECTOR)) {
        let start = memory.read(GuestPtr::<u32>::new(vector))?;
        let length = memory.read(GuestPtr::<u32>::new(vector.saturating_add(4)))?;
        if length == 0 {
            continue;
        }
        let apart = vector.saturating_add(VECTOR) <= start
            || start.checked_add(length).is_some_and(|end| end <= vector);
        let long = Long {
            vector,
            start,
            length,
        };
        return Ok((length > SLICE && apart).then_some(long));
    }
    Ok(None)
}

/// Makes a vector name another buffer.
fn show(
    memory: &mut GuestMemory<'_>,
    vector: u32,
    start: u32,
    length: u32,
) -> Result<(), wiggle::GuestError> {
    memory.write(GuestPtr::<u32>::new(vector), start)?;
    memory.write(GuestPtr::<u32>::new(vector + 4), length)
}
