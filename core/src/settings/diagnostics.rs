//! What a plug-in writes down for those who look for a mistake or for lost time, as users say it.
//!
//! It reads wishes, and the environment where there are none. What is in a dump and when one is written is
//! the business of `postmortem`; profilers are the engines'.
//!
//! Invariant: what is asked for is done or is an error. What only the environment asks for, and the
//! engine cannot do, is a warning in the log: variables speak to all plug-ins of a process at once.

use std::{
    env,
    ffi::{OsStr, OsString},
    fmt,
    path::{Path, PathBuf},
};

use crate::base::{
    capabilities::{Capabilities, Profiler},
    error::{Error, ErrorKind, Result},
    setters::setters,
};

/// Extism's variable: the path of a core dump.
const CORE_DUMP: &str = "EXTISM_COREDUMP";
/// Extism's variable: the path of a dump of the kernel memory.
const MEMORY_DUMP: &str = "EXTISM_MEMDUMP";
/// Extism's variable: the name of a profiler.
const PROFILE: &str = "EXTISM_PROFILE";
/// Extism's variable: debug information for native debuggers, which no engine makes here.
const DEBUG: &str = "EXTISM_DEBUG";

/// What is asked of a plug-in, or left to an environment variable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Setting<T> {
    /// What the variable says; nothing if it is not there, or set to nothing.
    #[default]
    Environment,
    /// Nothing, whatever the environment says.
    Off,
    /// This. Where the engine cannot do it, the plug-in is refused.
    On(T),
}

/// What a plug-in writes down for those who look for a mistake or for lost time. All of it is off unless
/// asked for, and then costs calls that succeed nothing.
///
/// Files are written whole and then put in their place, where they replace what an earlier failure, of
/// whatever plug-in, left. Only the user can read them. If that fails, the log says so (target
/// `extism::diagnostics`), and the call ends as it would without.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    /// The file for a core dump, written when a guest is stopped in the middle of its work: by a trap, a
    /// host function that failed, a deadline, a cancellation, the end of its fuel. Else
    /// `EXTISM_COREDUMP` says it. It needs the capability `backtrace`.
    ///
    /// The format is that of the tool conventions of WebAssembly (`Coredump.md`): the functions
    /// that were running, as [`Error::backtrace`](crate::Error::backtrace) has them, without their values
    /// and places; and all bytes of the memories that the host can see, the kernel's first.
    pub core_dump: Setting<PathBuf>,
    /// The file for the bytes of the kernel memory, which guests and host share, written when a call
    /// fails after guest code has run, in whatever way. Else `EXTISM_MEMDUMP` says it.
    pub memory_dump: Setting<PathBuf>,
    /// Who is told which machine code belongs to which function. Else `EXTISM_PROFILE` says it: `perf`,
    /// `jitdump` or `vtune`. It needs the capability `profilers`.
    pub profiler: Setting<Profiler>,
}

setters!(Diagnostics {
    with_core_dump = core_dump: Setting<PathBuf>,
    with_memory_dump = memory_dump: Setting<PathBuf>,
    with_profiler = profiler: Setting<Profiler>,
});

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) core_dump: Option<PathBuf>,
    pub(crate) memory_dump: Option<PathBuf>,
    pub(crate) profiler: Option<Profiler>,
}

impl Diagnostics {
    /// What is to be done on an engine with these capabilities.
    ///
    /// # Errors
    /// `Unsupported` if the engine cannot do what the wishes say. `Argument` if the place of a file is
    /// wrong, or if a variable names no profiler.
    pub(crate) fn resolve(&self, engine: &str, has: Capabilities) -> Result<Resolved> {
        self.resolve_with(engine, has, |name| env::var_os(name))
    }

    fn resolve_with(
        &self,
        engine: &str,
        has: Capabilities,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Resolved> {
        let variable = |name: &'static str| {
            let value = variable(name).filter(|value| !value.is_empty())?;
            Some((Origin::Variable(name), value))
        };
        let dump = |wish: &Setting<PathBuf>, field, name| {
            let asked = match wish {
                Setting::Off => None,
                Setting::On(path) => Some((Origin::Field(field), path.clone())),
                Setting::Environment => variable(name).map(|(from, value)| (from, value.into())),
            };
            let asked = asked.map(|(from, path)| Ok((file(&from, &path)?, from)));
            asked.transpose()
        };
        let core_dump = dump(&self.core_dump, "core_dump", CORE_DUMP)?;
        let memory_dump = dump(&self.memory_dump, "memory_dump", MEMORY_DUMP)?;
        let profiler = match self.profiler {
            Setting::Off => None,
            Setting::On(profiler) => Some((profiler, Origin::Field("profiler"))),
            Setting::Environment => match variable(PROFILE) {
                None => None,
                Some((from, value)) => Some((profiler(&from, &value)?, from)),
            },
        };
        if let Some((origin, _)) = variable(DEBUG) {
            tracing::warn!(
                target: "extism::diagnostics",
                "{origin} is ignored: no engine is asked for debug information; backtraces name \
                 functions without it"
            );
        }
        let lacks_core_dumps = |_: &_| (!has.backtrace).then(|| "core dumps".to_owned());
        let lacks_profiler = |profiler: &Profiler| {
            let lacks = !has.profilers.contains(profiler);
            lacks.then(|| format!("profiler `{}`", profiler.name()))
        };
        Ok(Resolved {
            core_dump: possible(core_dump, engine, lacks_core_dumps)?,
            memory_dump: memory_dump.map(|(file, _)| file),
            profiler: possible(profiler, engine, lacks_profiler)?,
        })
    }
}

/// Who asks.
enum Origin {
    /// The program, in this field.
    Field(&'static str),
    /// The environment, by this variable.
    Variable(&'static str),
}

impl Origin {
    #[cold]
    fn wrong(&self, found: impl fmt::Display, why: &str) -> Error {
        let message = format!("{self} is `{found}`: {why}");
        Error::new(ErrorKind::Argument, message)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, "diagnostics: {name}"),
            Self::Variable(name) => write!(f, "the environment variable {name}"),
        }
    }
}

/// What is asked for, if the engine can do it; `lack` says what it has not.
fn possible<T>(
    asked: Option<(T, Origin)>,
    engine: &str,
    lack: impl Fn(&T) -> Option<String>,
) -> Result<Option<T>> {
    let Some((value, origin)) = asked else {
        return Ok(None);
    };
    match (lack(&value), &origin) {
        (None, _) => Ok(Some(value)),
        (Some(lack), Origin::Field(_)) => Err(Error::unsupported(engine, lack)),
        (Some(lack), Origin::Variable(_)) => {
            tracing::warn!(
                target: "extism::diagnostics",
                "{origin} is ignored: engine `{engine}` has no {lack}"
            );
            Ok(None)
        }
    }
}

/// The profiler of a name.
fn profiler(from: &Origin, name: &OsStr) -> Result<Profiler> {
    let named = |profiler: &Profiler| name == profiler.name();
    let found = Profiler::ALL.iter().copied().find(named);
    found.ok_or_else(|| from.wrong(name.display(), "it is perf, jitdump or vtune"))
}

/// The place of a file, in a folder that is there.
fn file(from: &Origin, path: &Path) -> Result<PathBuf> {
    let wrong = |why| Err(from.wrong(path.display(), why));
    let (Ok(absolute), Some(_)) = (std::path::absolute(path), path.file_name()) else {
        return wrong("it is no path of a file");
    };
    // What is there gets replaced.
    match absolute.symlink_metadata() {
        Ok(found) if !found.is_file() => return wrong("there is something that is no file"),
        Ok(_) | Err(_) => {}
    }
    match absolute.parent().is_some_and(Path::is_dir) {
        true => Ok(absolute),
        false => wrong("its folder is not there"),
    }
}

#[cfg(test)]
mod tests;
