//! The compile cache: code that was compiled before, by this process or by another one of the same
//! user.
//!
//! `key` says what makes code the same, `shared` finds it in this process, `place` says where it lies
//! for others, `folder` who may have put it there and how much, `entry` what a file looks like, `checked` which
//! were found undamaged. What is compiled, and how, is [`crate::build::program`]'s. It knows no engine: an
//! engine that can turn code into bytes and back has a cache, any other has none.
//!
//! What is trusted: the user's own files. Whoever can write the folder can run code as the user.
//!
//! Invariant: no state of the cache is an error. What is missing, damaged, foreign or in the way is
//! compiled again, and `tracing` gets a line.

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
/// Files are readable and writable for their owner only, in a folder that must belong to the user and
/// that nobody else may write; otherwise there is no cache. Whoever can write the folder can run code
/// as the user. When there is more than [`Cache::max_bytes`], what was not used for longest goes.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// Where.
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
    /// In the folder that the environment variable `EXTISM_CACHE_DIR` names, or else
    /// `EXTISM_CACHE_CONFIG`, as the path of a configuration of wasmtime's cache, of which the folder
    /// counts and whether it is enabled; or else in `polyextism/code` in the user's folder for caches:
    /// `XDG_CACHE_HOME`, else `.cache` in `HOME`. Either variable set to nothing is no cache.
    #[default]
    User,
    /// In this folder, which is made if it is not there.
    Folder(PathBuf),
    /// Nowhere.
    Off,
}

impl CachePlace {
    /// The folder that it means now; `None` if there is to be no cache. It need not be there.
    ///
    /// # Errors
    /// `Argument` if what names the folder is wrong.
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

    /// What is there for the user who asks.
    ///
    /// # Errors
    /// `Argument` if what names the folder is wrong.
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
    /// Whether there can be anything.
    pub(crate) fn is_on(&self) -> bool {
        self.folder.is_some()
    }

    /// What is there under each of the keys.
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
