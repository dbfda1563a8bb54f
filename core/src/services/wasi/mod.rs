//! WASI preview 1 for every engine, by the library `wasmtime-wasi`.
//!
//! Its functions need a slice of guest memory and a context, which is just what [`Caller::memory`] lends. `table`
//! says name, parameters and body of each function, `rules` has what is ours around some of them, `folders` how
//! folders are read. What they work on is the session of the instance, in `host`. The library marks this
//! surface as unsupported: so it is used here and there alone, and the 48 line is frozen. No engine is named or
//! needed here.
//!
//! Differences from the library's own linker: `proc_exit` takes every code, pointers outside of the
//! memory are traps by name, descriptors are limited, what is no file is not opened, a folder is looked at once
//! however small the pieces are that it is read in, sleeping and output to the streams of the process are
//! always futures, and futures run on the calling thread (`waiting`).

mod folders;
mod rules;
mod slices;
mod table;
mod waiting;

use std::sync::{Arc, LazyLock};

use wasmtime_wasi::p1::{types, wasi_snapshot_preview1::WasiSnapshotPreview1 as _};
use wiggle::{GuestError, GuestMemory};

use self::table::{Args, Body, Row, TABLE};
use crate::{
    base::{
        error::{Error, ErrorKind, Result, Trap},
        types::{NumType::I32, Signature},
    },
    host::wasi::State,
    kernel::{caller::Caller, host_function::HostFunc},
};

/// The most bytes that one WASI call may make the host copy.
const HOSTCALL_FUEL: usize = 16 << 20;

/// The function of that name, if preview 1 has it. Made once for the process: they have no state.
pub(crate) fn function(name: &str) -> Option<&'static Arc<HostFunc>> {
    static FUNCTIONS: LazyLock<Vec<Arc<HostFunc>>> = LazyLock::new(|| {
        let make = |&(name, params, body): &Row| {
            let signature = Signature::new(params, &[I32]);
            let body = move |caller: Caller<'_>, slots: &mut [u64]| call(name, body, caller, slots);
            HostFunc::new(
                format!("wasi_snapshot_preview1::{name}"),
                signature,
                Box::new(body),
            )
        };
        let exit = HostFunc::new(
            "wasi_snapshot_preview1::proc_exit",
            Signature::new(&[I32], &[]),
            Box::new(|_, slots| Err(exit(slots[0] as i32))),
        );
        TABLE.iter().map(make).chain([exit]).collect()
    });
    let position = match name {
        "proc_exit" => TABLE.len(),
        name => TABLE.iter().position(|row| row.0 == name)?,
    };
    Some(&FUNCTIONS[position])
}

#[cold]
fn exit(code: i32) -> Error {
    Error::new(
        ErrorKind::Exit(code),
        format!("the guest exited with the code {code}"),
    )
}

fn call(name: &str, body: Body, mut caller: Caller<'_>, slots: &mut [u64]) -> Result<()> {
    let (memory, host) = caller.memory();
    let (session, alarm) = host.wasi();
    let Some(session) = session else {
        return Err(failed(name, "WASI is off for this plug-in"));
    };
    let state = session.state()?;
    state.library.set_hostcall_fuel(HOSTCALL_FUEL);
    let args = Args { slots, alarm };
    let errno = body(state, &mut GuestMemory::Unshared(memory), args).or_else(|error| {
        // What ended the wait comes out as itself.
        match error.downcast::<Error>() {
            Ok(error) => Err(error),
            Err(error) => ended(name, &error),
        }
    })?;
    if let Some(result) = slots.first_mut() {
        *result = u64::from(errno as u32);
    }
    Ok(())
}

/// What becomes of a failure that is no errno. The specification of WASI wants a trap for a pointer
/// that is outside of the memory or not aligned. A number that names nothing is an errno, as it is
/// where the library meets it later.
#[cold]
fn ended(name: &str, error: &wiggle::error::Error) -> Result<i32> {
    let trapped = |trap, why: &str| {
        let message = format!("the guest trapped: {why} by WASI `{name}`");
        Error::new(ErrorKind::Trap(trap), message).with_source(format!("{error:#}"))
    };
    let mut cause = error.downcast_ref::<GuestError>();
    while let Some(GuestError::InFunc { err, .. }) = cause {
        cause = Some(err);
    }
    Err(match cause {
        Some(
            GuestError::InvalidFlagValue(_)
            | GuestError::InvalidEnumValue(_)
            | GuestError::TryFromIntError(_),
        ) => return Ok(types::Errno::Inval as i32),
        Some(GuestError::PtrOverflow | GuestError::PtrOutOfBounds(_)) => {
            let trap = Trap::MemoryOutOfBounds;
            trapped(trap, &trap.to_string())
        }
        Some(GuestError::PtrNotAligned(..)) => trapped(Trap::Other, "unaligned memory access"),
        _ => failed(name, format_args!("{error:#}")),
    })
}

#[cold]
fn failed(name: &str, why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::HostFunction, format!("WASI `{name}`: {why}"))
}

const SUCCESS: i32 = types::Errno::Success as i32;

type Errno = wiggle::error::Result<i32>;
