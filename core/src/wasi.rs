//! WASI preview 1 for every engine, by the library `wasmtime-wasi`.
//!
//! Its functions need a slice of guest memory and a context, which is just what
//! [`Caller::memory`] lends. `table` says name, parameters and body of each function, `rules` has
//! what is ours around some of them, `folders` how folders are read, `streams` and `inherited` what the
//! library writes and looks at through, [`crate::wasi_settings`] what users say. The library marks this surface as unsupported: so it is
//! used here and in this folder alone, and the 48 line is frozen. No engine is named or needed here.
//!
//! Differences from the library's own linker: `proc_exit` takes every code, pointers outside of the
//! memory are traps by name, descriptors are limited, what is no file is not opened, a folder is looked at once
//! however small the pieces are that it is read in, sleeping and output to the streams of the process are
//! always futures, and futures run on the calling thread (`waiting`).

mod folders;
mod inherited;
mod rules;
mod slices;
mod streams;
mod table;
mod waiting;

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, LazyLock},
};

use rand::{SeedableRng as _, rngs::StdRng};
use wasmtime_wasi::{
    FsPerms, WasiCtxBuilder,
    p1::{WasiP1Ctx, types, wasi_snapshot_preview1::WasiSnapshotPreview1 as _},
    p2::pipe::MemoryInputPipe,
};
use wiggle::{GuestError, GuestMemory};

use self::{
    folders::Listings,
    inherited::Inherited,
    streams::{Captured, FixedClock},
    table::{Args, Body, Row, TABLE},
};
use crate::{
    engine::{
        guest::Caller,
        types::{HostFunc, NumType::I32, Signature},
    },
    error::{Error, ErrorKind, Result, Trap},
    manifest::{Manifest, wrong},
    wasi_settings::{Clock, Output, Wasi},
};

/// The most bytes that one WASI call may make the host copy.
const HOSTCALL_FUEL: usize = 16 << 20;
/// Set to anything, it sends output to the streams of the process, unless the settings say where.
const ENABLE_OUTPUT: &str = "EXTISM_ENABLE_WASI_OUTPUT";
/// Standard input, output and error.
const STREAMS: usize = 3;

/// What a plug-in's WASI may touch.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Host folder (`ro:` makes it read-only) to guest path.
    pub(crate) allowed_paths: BTreeMap<String, String>,
    pub(crate) wasi: Wasi,
}

impl Settings {
    pub(crate) fn new(manifest: &Manifest, wasi: &Wasi) -> Arc<Self> {
        Arc::new(Self {
            allowed_paths: manifest.allowed_paths.clone().unwrap_or_default(),
            wasi: wasi.clone(),
        })
    }
}

/// The WASI of one instance. Its state is made at the first use, unless there are folders: whether
/// they can be opened is to be known at once.
pub(crate) struct Session {
    settings: Arc<Settings>,
    streams: [Output; 2],
    state: Option<Box<State>>,
}

impl Session {
    /// A fresh one.
    ///
    /// # Errors
    /// `Manifest` if a folder cannot be opened.
    pub(crate) fn new(settings: &Arc<Settings>) -> Result<Self> {
        let streams = [settings.wasi.stdout, settings.wasi.stderr].map(decided);
        let state = match settings.allowed_paths.is_empty() {
            true => None,
            false => Some(State::new(settings, streams)?.into()),
        };
        let settings = Arc::clone(settings);
        Ok(Self {
            settings,
            streams,
            state,
        })
    }

    fn state(&mut self) -> Result<&mut State> {
        match &mut self.state {
            Some(state) => Ok(state),
            slot => Ok(slot.insert(State::new(&self.settings, self.streams)?.into())),
        }
    }

    /// What was written to standard output, if it is captured.
    pub(crate) fn stdout(&self) -> Vec<u8> {
        self.captured(|state| &state.stdout)
    }

    /// What was written to standard error, if it is captured.
    pub(crate) fn stderr(&self) -> Vec<u8> {
        self.captured(|state| &state.stderr)
    }

    fn captured(&self, stream: impl FnOnce(&State) -> &Option<Captured>) -> Vec<u8> {
        let captured = self
            .state
            .as_deref()
            .and_then(|state| stream(state).as_ref());
        captured.map_or_else(Vec::new, |captured| captured.bytes().clone())
    }

    /// Forgets what was captured.
    pub(crate) fn forget_output(&self) {
        let Some(state) = &self.state else { return };
        for captured in [&state.stdout, &state.stderr].into_iter().flatten() {
            captured.bytes().clear();
        }
    }
}

/// The state of WASI in use.
struct State {
    library: WasiP1Ctx,
    /// How many descriptors are open.
    open: usize,
    max_descriptors: usize,
    stdout: Option<Captured>,
    stderr: Option<Captured>,
    clock: Option<FixedClock>,
    listings: Listings,
}

impl State {
    fn new(settings: &Settings, [out, err]: [Output; 2]) -> Result<Self> {
        let wasi = &settings.wasi;
        let mut builder = WasiCtxBuilder::new();
        builder.allow_blocking_current_thread(true);
        builder.args(&wasi.args).envs(&wasi.env);
        if !wasi.stdin.is_empty() {
            builder.stdin(MemoryInputPipe::new(wasi.stdin.clone()));
        }
        let (stdout, stderr) = (captured(out), captured(err));
        match &stdout {
            Some(stdout) => _ = builder.stdout(stdout.clone()),
            None if out == Output::Inherit => _ = builder.stdout(Inherited::Stdout),
            None => {}
        }
        match &stderr {
            Some(stderr) => _ = builder.stderr(stderr.clone()),
            None if err == Output::Inherit => _ = builder.stderr(Inherited::Stderr),
            None => {}
        }
        let clock = match wasi.clock {
            Clock::Real => None,
            Clock::Fixed(start) => Some(FixedClock::new(start)),
        };
        if let Some(clock) = &clock {
            builder
                .wall_clock(clock.clone())
                .monotonic_clock(clock.clone());
        }
        if let Some(seed) = wasi.seed {
            builder.secure_random(StdRng::seed_from_u64(seed));
        }
        open_folders(&mut builder, &settings.allowed_paths)?;
        Ok(Self {
            library: builder.build_p1(),
            open: STREAMS + settings.allowed_paths.len(),
            max_descriptors: wasi.max_descriptors,
            stdout,
            stderr,
            clock,
            listings: Listings::default(),
        })
    }
}

fn captured(output: Output) -> Option<Captured> {
    match output {
        Output::Capture { limit } => Some(Captured::new(limit)),
        Output::Default | Output::Discard | Output::Inherit => None,
    }
}

/// Where output goes that the settings leave to the environment.
fn decided(output: Output) -> Output {
    match output {
        Output::Default if std::env::var_os(ENABLE_OUTPUT).is_some() => Output::Inherit,
        Output::Default => Output::Discard,
        given => given,
    }
}

fn open_folders(builder: &mut WasiCtxBuilder, paths: &BTreeMap<String, String>) -> Result<()> {
    for (host, guest) in paths {
        let (folder, permissions) = match host.strip_prefix("ro:") {
            Some(folder) => (folder, FsPerms::ReadOnly),
            None => (host.as_str(), FsPerms::ReadWrite),
        };
        let refuse = |why: String| {
            wrong(format_args!(
                "allowed_paths.{host}: cannot open the folder `{folder}`: {why}"
            ))
        };
        if !Path::new(folder).is_dir() {
            return Err(refuse("there is no such folder".into()));
        }
        builder
            .preopened_dir(folder, guest, permissions)
            .map_err(|error| refuse(format!("{error:#}")))?;
    }
    Ok(())
}

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
