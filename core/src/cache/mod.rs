//! The compile cache: code that this process, or another one of the same user, compiled before.
//!
//! `key` identifies code, `place` finds the folder, `folder` checks its permissions and size, `entry` has the
//! format of a file, and `checked` remembers files that were found undamaged. [`crate::build::program`] compiles;
//! `build/shared.rs` finds code in this process. It may import `base` and `process` and knows no engine: an engine
//! with the capability `artifacts` has a cache.
//!
//! It trusts the user's own files. Whoever can write the folder can run code as the user.
//!
//! Invariant: no state of the cache is an error. If an entry is missing, damaged or foreign, the code is compiled
//! again, and `tracing` gets a line.

mod checked;
mod entry;
#[cfg(unix)]
mod folder;
pub(crate) mod key;
mod place;

use std::path::PathBuf;

pub use self::entry::Artifact;
use self::key::Key;
use crate::base::{error::Result, setters::setters};

/// Where compiled code is kept for later, and how much.
///
/// Only the owner can read and write files. The folder must belong to the user, and nobody else may write it;
/// otherwise there is no cache. Whoever can write the folder can run code as the user. If all files together exceed
/// [`Cache::max_bytes`], the least recently used are deleted.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// The folder.
    pub place: CachePlace,
    /// The most bytes that all files may have together.
    pub max_bytes: u64,
}

setters!(Cache {
    with_place = place: CachePlace,
    with_max_bytes = max_bytes: u64,
});

/// Where compiled code is kept for later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum CachePlace {
    /// The first of: the folder in the environment variable `EXTISM_CACHE_DIR`; the folder in the configuration of
    /// wasmtime's cache at the path in `EXTISM_CACHE_CONFIG`; `polyextism/code` in `XDG_CACHE_HOME`, or in `.cache`
    /// in `HOME`. There is no cache if either of the first two variables is empty, or if that configuration
    /// disables it.
    #[default]
    User,
    /// In this folder, which is created if it is missing.
    Folder(PathBuf),
    /// Nowhere.
    Off,
}

impl CachePlace {
    /// The folder, which need not exist; `None` if there is no cache.
    ///
    /// # Errors
    /// `Argument` if the setting of the folder is wrong.
    pub fn folder(&self) -> Result<Option<PathBuf>> {
        place::folder(self)
    }
}

impl Default for Cache {
    fn default() -> Self {
        CachePlace::User.into()
    }
}

impl From<CachePlace> for Cache {
    fn from(place: CachePlace) -> Self {
        let max_bytes = Self::MAX_BYTES;
        Self { place, max_bytes }
    }
}

impl Cache {
    /// The most bytes that all files may have together, unless another limit is set: 512 MiB.
    pub const MAX_BYTES: u64 = 512 << 20;

    /// Finds the folder for this user.
    ///
    /// # Errors
    /// `Argument` if the setting of the folder is wrong.
    pub(crate) fn open(&self) -> Result<Store> {
        Ok(Store {
            folder: place::folder(&self.place)?,
            max_bytes: self.max_bytes,
        })
    }
}

/// The files of compiled code.
#[derive(Default)]
pub(crate) struct Store {
    folder: Option<PathBuf>,
    max_bytes: u64,
}

#[cfg(unix)]
impl Store {
    /// Whether compiled code is kept at all.
    pub(crate) fn is_on(&self) -> bool {
        self.folder.is_some()
    }

    /// The compiled code of each key, if there is some.
    pub(crate) fn find(&self, keys: &[Key]) -> Vec<Option<Artifact>> {
        let none = || keys.iter().map(|_| None).collect();
        let Some(path) = &self.folder else {
            return none();
        };
        let folder = match folder::Folder::open(path) {
            Ok(folder) => folder,
            Err(error) => {
                if error.kind() != std::io::ErrorKind::NotFound {
                    unusable(path, &error);
                }
                return none();
            }
        };
        let find = |key| {
            folder.find(key).unwrap_or_else(|error| {
                tracing::debug!(target: TARGET, %key, %error, "compiled code cannot be used");
                None
            })
        };
        keys.iter().map(find).collect()
    }

    /// Keeps code under a key, if the engine gives any.
    pub(crate) fn keep(&self, key: &Key, code: Result<Vec<u8>>) {
        let Some(path) = &self.folder else { return };
        let code = match code {
            Ok(code) => code,
            Err(error) => return not_kept(key, &error),
        };
        match folder::Folder::make(path) {
            Ok(folder) => {
                if let Err(error) = folder.keep(key, &code, self.max_bytes) {
                    not_kept(key, &error);
                }
            }
            Err(error) => unusable(path, &error),
        }
    }
}

/// Where nothing says who can write a folder, there is no cache on disk.
#[cfg(not(unix))]
impl Store {
    pub(crate) fn is_on(&self) -> bool {
        false
    }

    pub(crate) fn find(&self, keys: &[Key]) -> Vec<Option<Artifact>> {
        keys.iter().map(|_| None).collect()
    }

    pub(crate) fn keep(&self, _: &Key, _: Result<Vec<u8>>) {}
}

/// The target of what `tracing` gets.
const TARGET: &str = "extism::cache";

#[cfg(unix)]
#[cold]
fn unusable(path: &std::path::Path, error: &std::io::Error) {
    let folder = path.display();
    tracing::debug!(target: TARGET, %folder, %error, "the folder of the compile cache cannot be used");
}

#[cfg(unix)]
#[cold]
fn not_kept(key: &Key, error: &dyn std::fmt::Display) {
    tracing::debug!(target: TARGET, %key, %error, "compiled code cannot be kept");
}
