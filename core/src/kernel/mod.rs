//! The kernel: the memory through which guests and host exchange bytes.
//!
//! `kernel.wat` is the guests' half, a module of its own, so that a guest's loads and stores stay
//! inside the engine. `arena.rs` is the host's half. A call begins and ends here by plain reads and
//! writes of that memory: the host never calls into the kernel.
//!
//! It may import `base`, `deadline` and `host`, and knows the engine only as [`Guest`]. Invariants: a guest cannot
//! make the host read or write outside of the kernel memory; offsets of one call are invalid in the next.

mod arena;
pub(crate) mod caller;
pub(crate) mod guest;
pub(crate) mod host_function;
pub(crate) mod taken;

use self::arena::{Arena, Full};
use crate::{
    base::{
        error::{Error, ErrorKind, Result},
        ids::MemoryId,
        panic::catch,
        types::NumType,
    },
    kernel::guest::Guest,
};

/// The kernel memory, the first memory of every program.
pub const MEMORY: MemoryId = MemoryId(0);

/// The address of the flag that tells guests to call the host (see `interrupt`).
pub(crate) const FLAG: u64 = arena::FLAG as u64;

/// The guests' half, assembled from `kernel.wat`; a test compares them.
pub(crate) const WASM: &[u8] = include_bytes!("kernel.wasm");

/// The size of a page of WebAssembly memory, in bytes.
pub(crate) const PAGE: u64 = 65536;

use NumType::{I32, I64};

/// The name, parameters and results of a kernel function, as docs/abi.md lists them.
pub type Row = (&'static str, &'static [NumType], &'static [NumType]);

/// The functions that guests may import. Each has its name in `extism:host/env`, and the prefix `extism_` in `env`.
pub const FUNCTIONS: &[Row] = &[
    ("alloc", &[I64], &[I64]),
    ("error_get", &[], &[I64]),
    ("error_set", &[I64], &[]),
    ("free", &[I64], &[]),
    ("input_length", &[], &[I64]),
    ("input_load_u64", &[I64], &[I64]),
    ("input_load_u8", &[I64], &[I32]),
    ("input_offset", &[], &[I64]),
    ("input_set", &[I64, I64], &[]),
    ("length", &[I64], &[I64]),
    ("length_unsafe", &[I64], &[I64]),
    ("load_u64", &[I64], &[I64]),
    ("load_u8", &[I64], &[I32]),
    ("memory_bytes", &[], &[I64]),
    ("output_length", &[], &[I64]),
    ("output_offset", &[], &[I64]),
    ("output_set", &[I64, I64], &[]),
    ("reset", &[], &[]),
    ("store_u64", &[I64, I64], &[]),
    ("store_u8", &[I64, I32], &[]),
];

/// Starts a call: frees the blocks of the last call and writes `input`.
///
/// # Errors
/// `MemoryLimit` if the memory cannot grow enough.
#[inline]
pub(crate) fn begin<G: Guest + ?Sized>(guest: &mut G, input: &[u8]) -> Result<()> {
    match Arena(guest.split(MEMORY).0).begin(input) {
        Ok(()) => Ok(()),
        Err(full) => {
            grow(guest, full, input.len() as u64)?;
            Arena(guest.split(MEMORY).0)
                .begin(input)
                .map_err(|_| no_memory(input.len() as u64))
        }
    }
}

/// Ends a call and returns its outcome.
///
/// The first that exists counts: a failed host function, an error text of the guest, a trap or exit code, the
/// return code (docs/abi.md, "Outcome").
///
/// # Errors
/// The failure of the call.
#[inline]
pub(crate) fn finish<G: Guest>(guest: &mut G, status: Result<i32>) -> Result<()> {
    match matches!(status, Ok(0)) && Arena(guest.split(MEMORY).0).error() == 0 {
        true => Ok(()),
        false => outcome(guest, status),
    }
}

#[cold]
fn outcome<G: Guest + ?Sized>(guest: &mut G, status: Result<i32>) -> Result<()> {
    let (memory, host) = guest.split(MEMORY);
    let status = match (status, host.take_failure()) {
        (Ok(code), _) => Ok(code),
        (Err(mut trap), Some(failure)) => match failure.kind() {
            ErrorKind::Exit(0) => Ok(0),
            ErrorKind::Exit(_) | ErrorKind::Trap(_) => Err(failure.with_trace_of(&mut trap)),
            _ => return Err(failure.with_trace_of(&mut trap)),
        },
        (Err(trap), None) => Err(trap),
    };
    match Arena(memory).error() {
        0 => {}
        _ => {
            let error = Error::guest(text(memory));
            return Err(match status {
                Ok(code) => error.with_code(code),
                Err(mut cause) => error
                    .with_code(cause.code().unwrap_or(0))
                    .with_trace_of(&mut cause)
                    .with_source(cause),
            });
        }
    }
    match status? {
        0 => Ok(()),
        code => Err(Error::new(
            ErrorKind::ReturnCode(code),
            format!("the guest function returned the error code {code}"),
        )),
    }
}

/// The output that the guest has set; empty if it set none.
#[inline]
pub(crate) fn output<G: Guest + ?Sized>(guest: &mut G) -> &[u8] {
    let memory = guest.split(MEMORY).0;
    let span = Arena(memory).output().unwrap_or_default();
    &memory[span.range()]
}

/// The size of the used part of a kernel memory, in bytes from its start. The kernel and the host never wrote
/// beyond it.
pub fn used(memory: &mut [u8]) -> usize {
    let size = memory.len();
    size.min(Arena(memory).used() as usize)
}

/// Allocates a block of zeros; 0 for a length of 0.
///
/// # Errors
/// `MemoryLimit` if the memory cannot grow enough.
pub(crate) fn alloc(guest: &mut dyn Guest, length: u64) -> Result<u64> {
    if length == 0 {
        return Ok(0);
    }
    match Arena(guest.split(MEMORY).0).alloc(length) {
        Ok(offset) => Ok(offset),
        Err(full) => {
            grow(guest, full, length)?;
            Arena(guest.split(MEMORY).0)
                .alloc(length)
                .map_err(|_| no_memory(length))
        }
    }
}

/// Frees the block at `offset`. Any other offset is ignored.
pub(crate) fn free(guest: &mut dyn Guest, offset: u64) {
    Arena(guest.split(MEMORY).0).free(offset);
}

/// The length of the block at `offset`, 0 if there is none.
pub(crate) fn length(memory: &mut [u8], offset: u64) -> u64 {
    Arena(memory).length(offset)
}

/// The error text of the running call, `None` if none is set.
pub(crate) fn error(memory: &mut [u8]) -> Option<&[u8]> {
    match Arena(memory).error() {
        0 => None,
        _ => Some(text(memory)),
    }
}

/// Makes the block at `offset` the error text of the running call; 0 clears it.
pub(crate) fn set_error(guest: &mut dyn Guest, offset: u64) {
    Arena(guest.split(MEMORY).0).set_error(offset);
}

fn text(memory: &mut [u8]) -> &[u8] {
    let span = Arena(memory).error_text();
    &memory[span.range()]
}

/// Frees everything and clears the memory.
pub(crate) fn reset<G: Guest + ?Sized>(guest: &mut G) {
    Arena(guest.split(MEMORY).0).reset();
}

#[cold]
fn grow<G: Guest + ?Sized>(guest: &mut G, full: Full, length: u64) -> Result<()> {
    let Full::Needs(bytes) = full else {
        return Err(no_memory(length));
    };
    let missing = bytes - guest.split(MEMORY).0.len() as u64;
    // Host functions allocate as well, and their panics are their own.
    let grown = catch("growing a memory", || {
        Ok(guest.grow(MEMORY, missing.div_ceil(PAGE)))
    });
    match grown? {
        Some(_) => Ok(()),
        None => Err(no_memory(length)),
    }
}

#[cold]
fn no_memory(length: u64) -> Error {
    Error::new(
        ErrorKind::MemoryLimit,
        format!(
            "{length} bytes do not fit into the kernel memory of the plug-in; `memory.max_pages` of the manifest, \
             or the limit `memory_pages`, says how much all memories may have together"
        ),
    )
}

#[cfg(test)]
mod tests;
