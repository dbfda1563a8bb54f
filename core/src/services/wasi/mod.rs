//! WASI preview 1 for every engine, with the library `wasmtime-wasi`.
//!
//! Functions of the library need a slice of guest memory and a context, which [`Caller::memory`] lends. `table` has
//! name, parameters and body of each function, `rules` our additions, `folders` the reading of folders. They work
//! on the session in `host/wasi`. The library marks this interface as unsupported, so only these two folders use
//! it, and its version 48 is fixed. No engine is named or needed here.
//!
//! Differences from the library's own linker: `proc_exit` accepts every code; pointers outside of the memory are
//! named traps; descriptors are limited; only files, folders and links are opened; a folder is listed once, however
//! small the pieces are that a guest reads; sleeping and output to the streams of the process are always futures;
//! futures run on the calling thread (`waiting`).

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

/// The function of this name, if preview 1 has it. Functions have no state and are made once for the process.
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
        // The error that ended the wait is returned unchanged.
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

/// Handles a failure that is not an errno. The specification of WASI requires a trap for a pointer that is outside
/// of the memory or not aligned. An invalid number is an errno, as in later checks of the library.
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
