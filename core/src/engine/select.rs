//! Chooses an engine by a specification: `name`, `name:compiler`, or none.
//!
//! The caller passes the list of backends; this file names none. There is no fallback: an unknown name is an error
//! that lists the known ones.

use std::sync::Arc;

use super::erased::{Backend, Compiler, DynEngine, LeftOut};
use crate::{
    base::{
        capabilities::{Capabilities, Determinism, Interruption, Settings},
        error::{Error, ErrorKind, Result},
        proposals::Proposals,
    },
    process::{
        address_space::{self, Room},
        forks::section,
    },
};

/// The environment variable that names the engine if the user names none.
pub(crate) const VARIABLE: &str = "EXTISM_ENGINE";

/// An engine and one of its compilers, and whether results are deterministic.
#[derive(Clone, Copy)]
pub struct Choice {
    backend: &'static Backend,
    compiler: &'static Compiler,
    determinism: Determinism,
}

impl Choice {
    /// Parses `spec`. Without it, parses the environment variable `EXTISM_ENGINE`; without that, takes the first of
    /// `backends`.
    ///
    /// # Errors
    /// `UnknownEngine`, with what is built in.
    pub fn parse(backends: &'static [Backend], spec: Option<&str>) -> Result<Self> {
        let variable = match spec {
            None => std::env::var(VARIABLE).ok().filter(|text| !text.is_empty()),
            Some(_) => None,
        };
        let Some(spec) = spec.or(variable.as_deref()) else {
            let backend = backends.first().ok_or_else(|| unknown(backends, "", ""))?;
            return Ok(Self::first(backend));
        };
        let from = match variable.is_some() {
            true => format!(" (from the environment variable {VARIABLE})"),
            false => String::new(),
        };
        let (name, compiler) = match spec.split_once(':') {
            Some((name, compiler)) => (name, Some(compiler)),
            None => (spec, None),
        };
        let Some(backend) = backends.iter().find(|backend| backend.name == name) else {
            return Err(unknown(backends, spec, &from));
        };
        match compiler {
            None => Ok(Self::first(backend)),
            Some(compiler) => backend
                .compilers
                .iter()
                .find(|known| known.name == compiler)
                .map(|compiler| Self::of(backend, compiler))
                .ok_or_else(|| {
                    let mut left_out = backend.left_out.iter();
                    match left_out.find(|known| known.compiler == compiler) {
                        Some(known) => left_out_of_build(backends, spec, &from, known),
                        None => unknown(backends, spec, &from),
                    }
                }),
        }
    }

    fn first(backend: &'static Backend) -> Self {
        Self::of(backend, &backend.compilers[0])
    }

    fn of(backend: &'static Backend, compiler: &'static Compiler) -> Self {
        Self {
            backend,
            compiler,
            determinism: Determinism::Off,
        }
    }

    /// Every backend of a list, with each of its compilers.
    pub fn all(backends: &'static [Backend]) -> impl Iterator<Item = Self> {
        backends.iter().flat_map(|backend| {
            let choice = move |compiler| Self::of(backend, compiler);
            backend.compilers.iter().map(choice)
        })
    }

    /// The same engine and compiler, with [`Determinism::On`]: the instructions whose results WebAssembly leaves
    /// open give the same bits on every machine.
    ///
    /// A NaN that arithmetic makes is the positive canonical one, and an instruction of relaxed SIMD has one
    /// result. Float code runs several times slower. Clocks, randomness, time limits and the depth of recursion are
    /// not affected.
    #[must_use]
    pub fn deterministic(self) -> Self {
        Self {
            determinism: Determinism::On,
            ..self
        }
    }

    /// Whether [`Choice::deterministic`] was called.
    pub fn determinism(&self) -> Determinism {
        self.determinism
    }

    /// The backend.
    pub fn backend(&self) -> &'static Backend {
        self.backend
    }

    /// The compiler.
    pub fn compiler(&self) -> &'static Compiler {
        self.compiler
    }

    /// The shortest name that [`Choice::parse`] accepts.
    pub fn name(&self) -> String {
        match self.compiler.name == self.backend.compilers[0].name {
            true => self.backend.name.to_owned(),
            false => format!("{}:{}", self.backend.name, self.compiler.name),
        }
    }

    /// Whether the engine makes guests check. That costs more than a flag, so it is only for engines
    /// that have no place for a flag, which also happens when address space is short.
    pub fn interruption(&self) -> Interruption {
        let Capabilities {
            interrupt, flag, ..
        } = self.compiler.capabilities;
        match interrupt && !(flag && address_space::room() == Room::Ample) {
            true => Interruption::On,
            false => Interruption::Off,
        }
    }

    /// The settings for this choice, without a profiler, with all proposals of the compiler.
    pub fn settings(&self, interruption: Interruption) -> Settings {
        Settings::new(self.compiler.name)
            .with_interruption(interruption)
            .with_determinism(self.determinism)
            .with_proposals(Proposals::of(self.compiler.capabilities.proposals))
    }

    /// Opens the engine.
    ///
    /// # Errors
    /// `Unsupported` if it cannot do what the settings ask for.
    pub fn open(&self, settings: &Settings) -> Result<Arc<dyn DynEngine>> {
        section(|| crate::base::panic::catch("opening", || (self.backend.open)(settings)))
    }
}

impl std::fmt::Debug for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let determinism = match self.determinism {
            Determinism::Off => "",
            Determinism::On => ", deterministic",
        };
        write!(f, "Choice({}{determinism})", self.name())
    }
}

#[cold]
fn unknown(backends: &'static [Backend], spec: &str, from: &str) -> Error {
    let known = built_in(backends);
    Error::new(
        ErrorKind::UnknownEngine,
        format!("unknown engine `{spec}`{from}: {known}"),
    )
}

#[cold]
fn left_out_of_build(
    backends: &'static [Backend],
    spec: &str,
    from: &str,
    known: &LeftOut,
) -> Error {
    let (feature, known) = (known.feature, built_in(backends));
    Error::new(
        ErrorKind::UnknownEngine,
        format!(
            "engine `{spec}`{from} is not built in: build with the cargo feature `{feature}`; {known}"
        ),
    )
}

fn built_in(backends: &'static [Backend]) -> String {
    let known: Vec<_> = Choice::all(backends)
        .map(|choice| format!("`{}`", choice.name()))
        .collect();
    match known.is_empty() {
        true => "no engine is built in".to_owned(),
        false => format!("built in are {}", known.join(", ")),
    }
}
