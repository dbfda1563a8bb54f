//! Finds the folder of the cache from the settings, the environment or a configuration file of Extism.
//!
//! It only reads. It does not check whether the folder exists or can be trusted.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::CachePlace;
use crate::base::error::{Error, ErrorKind, Result};

/// The variable with the folder of the cache. If it is empty, there is no cache.
pub(crate) const FOLDER: &str = "EXTISM_CACHE_DIR";
/// Extism's variable: the path of a configuration of wasmtime's cache. If it is empty, there is no cache.
pub(crate) const CONFIG: &str = "EXTISM_CACHE_CONFIG";

/// The path below the user's folder for caches.
const NAME: &str = "polyextism/code";

/// The folder; `None` if there is no cache.
///
/// # Errors
/// `Argument` if the setting, variable or configuration is wrong.
pub(super) fn folder(place: &CachePlace) -> Result<Option<PathBuf>> {
    match place {
        CachePlace::Off => Ok(None),
        CachePlace::Folder(folder) if folder.as_os_str().is_empty() => Err(Error::new(
            ErrorKind::Argument,
            "the folder of the compile cache is an empty path",
        )),
        CachePlace::Folder(folder) => Ok(Some(folder.clone())),
        CachePlace::User => from_environment(|name| env::var_os(name)),
    }
}

fn from_environment(variable: impl Fn(&str) -> Option<OsString>) -> Result<Option<PathBuf>> {
    if let Some(folder) = variable(FOLDER) {
        return Ok((!folder.is_empty()).then(|| folder.into()));
    }
    if let Some(config) = variable(CONFIG) {
        if config.is_empty() {
            return Ok(None);
        }
        let config = Config::read(Path::new(&config))?;
        match config {
            Config { enabled: false, .. } => return Ok(None),
            Config {
                directory: Some(folder),
                ..
            } => return Ok(Some(folder.join(NAME))),
            Config { .. } => {}
        }
    }
    // Paths that are not absolute are to be ignored (XDG Base Directory Specification).
    let absolute = |name, rest: &str| {
        let folder = PathBuf::from(variable(name)?).join(rest);
        folder.is_absolute().then_some(folder)
    };
    let folder = absolute("XDG_CACHE_HOME", "").or_else(|| absolute("HOME", ".cache"));
    Ok(folder.map(|folder| folder.join(NAME)))
}

/// The relevant fields of a configuration of wasmtime's cache.
#[derive(Deserialize)]
struct Config {
    #[serde(default = "enabled")]
    enabled: bool,
    #[serde(default)]
    directory: Option<PathBuf>,
}

fn enabled() -> bool {
    true
}

#[derive(Deserialize)]
struct File {
    cache: Option<Config>,
}

impl Config {
    fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| wrong(path, "cannot be read", &error).with_source(error))?;
        let file: File = toml::from_str(&text)
            .map_err(|error| wrong(path, "is wrong", &error.message()).with_source(error))?;
        let config = file.cache.unwrap_or(Self {
            enabled: true,
            directory: None,
        });
        match &config.directory {
            Some(folder) if !folder.is_absolute() => {
                let why = format!(
                    "cache.directory is `{}`, which is no absolute path",
                    folder.display()
                );
                Err(wrong(path, "is wrong", &why))
            }
            _ => Ok(config),
        }
    }
}

#[cold]
fn wrong(path: &Path, what: &str, why: &dyn std::fmt::Display) -> Error {
    let path = path.display();
    Error::new(
        ErrorKind::Argument,
        format!("the file `{path}` of the environment variable {CONFIG} {what}: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::{OsString, PathBuf, from_environment};

    fn found(variables: &[(&str, &str)]) -> Result<Option<PathBuf>, String> {
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| OsString::from(value))
        };
        from_environment(variable).map_err(|error| error.to_string())
    }

    /// Variables with the expected folder.
    struct Case(
        &'static [(&'static str, &'static str)],
        Option<&'static str>,
    );

    #[test]
    fn the_first_that_says_something_counts() {
        const HOME: (&str, &str) = ("HOME", "/h");
        const XDG: (&str, &str) = ("XDG_CACHE_HOME", "/x");
        const CASES: &[Case] = &[
            Case(&[], None),
            Case(&[("HOME", "")], None),
            Case(&[("HOME", "h")], None),
            Case(&[HOME], Some("/h/.cache/polyextism/code")),
            Case(
                &[HOME, ("XDG_CACHE_HOME", "")],
                Some("/h/.cache/polyextism/code"),
            ),
            Case(
                &[HOME, ("XDG_CACHE_HOME", "x")],
                Some("/h/.cache/polyextism/code"),
            ),
            Case(&[HOME, XDG], Some("/x/polyextism/code")),
            Case(&[HOME, XDG, ("EXTISM_CACHE_CONFIG", "")], None),
            Case(&[HOME, XDG, ("EXTISM_CACHE_DIR", "")], None),
            Case(&[HOME, XDG, ("EXTISM_CACHE_DIR", "here")], Some("here")),
            Case(
                &[("EXTISM_CACHE_CONFIG", ""), ("EXTISM_CACHE_DIR", "/d")],
                Some("/d"),
            ),
        ];
        for Case(variables, expected) in CASES {
            assert_eq!(
                found(variables),
                Ok(expected.map(PathBuf::from)),
                "{variables:?}"
            );
        }
    }

    #[test]
    fn a_configuration_names_the_folder() {
        let folder = std::env::temp_dir();
        let path = folder.join(format!("polyextism-cache-{}.toml", std::process::id()));
        let name = path.to_str().expect("a name");
        let read = |text: Option<&str>| {
            match text {
                Some(text) => std::fs::write(&path, text).expect("it can be written"),
                None => std::fs::remove_file(&path).expect("it is there"),
            }
            found(&[("HOME", "/h"), ("EXTISM_CACHE_CONFIG", name)])
        };
        let home = Ok(Some(PathBuf::from("/h/.cache/polyextism/code")));
        for (text, expected) in [
            ("", home.clone()),
            ("[cache]", home.clone()),
            (
                "[cache]\nenabled = true\nworker-event-queue-size = '16'",
                home,
            ),
            ("[cache]\nenabled = false\ndirectory = '/d'", Ok(None)),
            (
                "[cache]\ndirectory = '/d'",
                Ok(Some(PathBuf::from("/d/polyextism/code"))),
            ),
        ] {
            assert_eq!(read(Some(text)), expected, "{text}");
        }
        for (text, expected) in [
            (
                Some("[cache]\ndirectory = 'd'"),
                "is wrong: cache.directory is `d`, which is no absolute path",
            ),
            (Some("[cache"), "is wrong: "),
            (None, "cannot be read: "),
        ] {
            let error = read(text).expect_err("refused");
            let start =
                format!("the file `{name}` of the environment variable EXTISM_CACHE_CONFIG ");
            let rest = error
                .strip_prefix(&start)
                .unwrap_or_else(|| panic!("{error}"));
            assert!(rest.starts_with(expected), "{error}");
        }
    }
}
