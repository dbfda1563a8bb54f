//! The WASI state of one instance, made from the settings.
//!
//! `streams` and `inherited` are the output streams, `listings` has listings of folders. The functions that guests
//! call are in `services/wasi`; they know only [`Session`].

mod inherited;
pub(crate) mod listings;
pub(crate) mod streams;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use rand::{SeedableRng as _, rngs::StdRng};
use wasmtime_wasi::{FsPerms, WasiCtxBuilder, p1::WasiP1Ctx, p2::pipe::MemoryInputPipe};

use self::{
    inherited::Inherited,
    listings::Listings,
    streams::{Captured, FixedClock},
};
use crate::{
    base::error::Result,
    manifest::{Manifest, wrong},
    settings::wasi::{Clock, Output, Wasi},
};

/// If this variable is set, output goes to the streams of the process, unless the settings say otherwise.
const ENABLE_OUTPUT: &str = "EXTISM_ENABLE_WASI_OUTPUT";
/// Standard input, output and error.
const STREAMS: usize = 3;

/// What WASI may access.
#[derive(Debug)]
pub(crate) struct Settings {
    /// Host folders (`ro:` makes one read-only) with their guest paths.
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

/// The WASI session of one instance. Its state is made at the first use. With allowed folders it is made at once,
/// so that one that cannot be opened is an error of the instance.
pub(crate) struct Session {
    settings: Arc<Settings>,
    streams: [Output; 2],
    state: Option<Box<State>>,
}

impl Session {
    /// A fresh session.
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

    pub(crate) fn state(&mut self) -> Result<&mut State> {
        match &mut self.state {
            Some(state) => Ok(state),
            slot => Ok(slot.insert(State::new(&self.settings, self.streams)?.into())),
        }
    }

    /// The captured standard output.
    pub(crate) fn stdout(&self) -> Vec<u8> {
        self.captured(|state| &state.stdout)
    }

    /// The captured standard error.
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

    /// Clears the captured output.
    pub(crate) fn forget_output(&self) {
        let Some(state) = &self.state else { return };
        for captured in [&state.stdout, &state.stderr].into_iter().flatten() {
            captured.bytes().clear();
        }
    }
}

/// The state of a WASI session in use.
pub(crate) struct State {
    pub(crate) library: WasiP1Ctx,
    /// The number of open descriptors.
    pub(crate) open: usize,
    pub(crate) max_descriptors: usize,
    stdout: Option<Captured>,
    stderr: Option<Captured>,
    pub(crate) clock: Option<FixedClock>,
    pub(crate) listings: Listings,
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

/// The place of output that the settings leave to the environment.
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
