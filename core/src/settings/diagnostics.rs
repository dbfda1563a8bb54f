//! The settings of dumps and profilers.
//!
//! It combines settings with environment variables. `postmortem` writes dumps; engines have profilers.
//!
//! Invariant: every setting takes effect or is an error. An environment variable that the engine cannot follow is a
//! warning in the log only, because it applies to all plug-ins of the process.

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
/// Extism's variable: debug information for native debuggers. No engine makes it here.
const DEBUG: &str = "EXTISM_DEBUG";

/// A setting, or the choice to leave it to an environment variable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Setting<T> {
    /// As the variable says. Off if it is missing or empty.
    #[default]
    Environment,
    /// Off, whatever the variable says.
    Off,
    /// On, with this value. If the engine cannot do it, the plug-in is refused.
    On(T),
}

/// Dumps after failures, and profilers. All of it is off by default. Dumps cost successful calls nothing.
///
/// A dump replaces its file as a whole, also if another plug-in wrote it. Only the user can read it. If writing
/// fails, the log says so (target `extism::diagnostics`), and the call ends as it would without.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    /// The file for a core dump. It is written when a guest is stopped in the middle of its work: by a trap, a
    /// failed host function, a deadline, a cancellation, or the end of its fuel. The variable is `EXTISM_COREDUMP`.
    /// It needs the capability `backtrace`.
    ///
    /// The format is `Coredump.md` of the WebAssembly tool conventions. It has the functions that were running, as
    /// in [`Error::backtrace`](crate::Error::backtrace), without values and positions, and all bytes of the
    /// memories that the host can see, the kernel's first.
    pub core_dump: Setting<PathBuf>,
    /// The file for the bytes of the kernel memory, which guests and host share. It is written whenever a call
    /// fails after guest code has run. The variable is `EXTISM_MEMDUMP`.
    pub memory_dump: Setting<PathBuf>,
    /// The profiler that is told which machine code belongs to which function. The variable is `EXTISM_PROFILE`,
    /// with the values `perf`, `jitdump` and `vtune`. It needs the capability `profilers`.
    pub profiler: Setting<Profiler>,
}

setters!(Diagnostics {
    with_core_dump = core_dump: Setting<PathBuf>,
    with_memory_dump = memory_dump: Setting<PathBuf>,
    with_profiler = profiler: Setting<Profiler>,
});

/// The result of settings and environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resolved {
    pub(crate) core_dump: Option<PathBuf>,
    pub(crate) memory_dump: Option<PathBuf>,
    pub(crate) profiler: Option<Profiler>,
}

impl Diagnostics {
    /// Combines settings and environment for an engine with these capabilities.
    ///
    /// # Errors
    /// `Unsupported` if the engine cannot do what the settings ask for. `Argument` if the path of a file is wrong,
    /// or if a variable names no profiler.
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

/// Where a setting comes from.
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

/// The setting, if the engine can do it. `lack` names what is missing.
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

/// The profiler of this name.
fn profiler(from: &Origin, name: &OsStr) -> Result<Profiler> {
    let named = |profiler: &Profiler| name == profiler.name();
    let found = Profiler::ALL.iter().copied().find(named);
    found.ok_or_else(|| from.wrong(name.display(), "it is perf, jitdump or vtune"))
}

/// The absolute path of a file in an existing folder.
fn file(from: &Origin, path: &Path) -> Result<PathBuf> {
    let wrong = |why| Err(from.wrong(path.display(), why));
    let (Ok(absolute), Some(_)) = (std::path::absolute(path), path.file_name()) else {
        return wrong("it is no path of a file");
    };
    // An existing file is replaced.
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
