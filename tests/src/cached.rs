//! Compiles with a compile cache in a folder of the test, and looks into the folder.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use polyextism::{Cache, CachePlace, Choice, Compiled, Manifest, Options, Plugin, Result, Wasi};
use tempfile::TempDir;

/// Every engine whose compiled code is kept, with every one of its compilers.
///
/// # Panics
/// If there is none.
pub fn engines() -> Vec<Choice> {
    let mut engines = crate::engines();
    engines.retain(|choice| choice.compiler().capabilities.artifacts);
    assert!(!engines.is_empty(), "no engine has compiled code to keep");
    engines
}

/// A guest whose `answer` is `5d`, and whose `trap` traps in a function named `fails`.
pub const GUEST: &str = r#"
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (memory (export "memory") 1)
  (data (i32.const 16) "data of the guest")
  (global $start (mut i32) (i32.const 0))
  (table funcref (elem $fails))
  (func $at_start (global.set $start (i32.const 5)))
  (start $at_start)
  (func (export "answer") (local $block i64)
    (local.set $block (call $alloc (i64.const 2)))
    (call $store (local.get $block) (i32.add (i32.const 48) (global.get $start)))
    (call $store (i64.add (local.get $block) (i64.const 1)) (i32.load8_u (i32.const 16)))
    (call $output (local.get $block) (i64.const 2)))
  (func $fails (drop (i32.div_u (i32.const 1) (i32.const 0))))
  (func $inner (call_indirect (i32.const 0)))
  (func $trap (export "trap") (call $inner)))
"#;

/// [`GUEST`] alone.
pub fn single() -> Manifest {
    Manifest::of(GUEST.as_bytes())
}

/// WASI, and no cache that is not given.
pub fn options() -> Options {
    Options::default().with_wasi(Wasi::default())
}

/// Lets no other test of this process compile: what is in use is shared.
pub fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A compile cache that goes with the value.
pub struct Cached {
    /// What the folder of the cache lies in.
    pub home: TempDir,
    /// The most bytes of all files.
    pub max_bytes: u64,
}

impl Default for Cached {
    /// # Panics
    /// If there can be no folder.
    fn default() -> Self {
        Self {
            home: TempDir::new().expect("a folder can be made"),
            max_bytes: Cache::MAX_BYTES,
        }
    }
}

impl Cached {
    /// The folder. It is not there before something is kept.
    pub fn folder(&self) -> PathBuf {
        self.home.path().join("a").join("cache")
    }

    /// Compiles with this cache.
    ///
    /// # Errors
    /// As `Choice::compile`.
    pub fn compile(
        &self,
        choice: &Choice,
        manifest: &Manifest,
        options: &Options,
    ) -> Result<Compiled> {
        let cache = Cache::default()
            .with_place(CachePlace::Folder(self.folder()))
            .with_max_bytes(self.max_bytes);
        let options = options.clone().with_cache(cache);
        choice.compile(manifest, &options)
    }

    /// All that lies in the folder, by name.
    pub fn files(&self) -> Vec<PathBuf> {
        files(&self.folder())
    }
}

/// All that lies in a folder, by name; nothing if it is not there.
///
/// # Panics
/// If it cannot be read.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    if !folder.exists() {
        return Vec::new();
    }
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let entries = entries.map(|entry| entry.expect("the folder can be read").path());
    let mut files: Vec<_> = entries.collect();
    files.sort();
    files
}

/// What must be compiled.
pub enum Expected {
    /// None: all code is there.
    Nothing,
    /// So many modules.
    Exactly(usize),
}

/// Compiles [`single`], expects what has to be compiled for that, and calls it.
///
/// # Panics
/// If it is otherwise.
#[track_caller]
pub fn expect(cached: &Cached, choice: &Choice, expected: Expected, what: &str) {
    let made = cached.compile(choice, &single(), &options());
    let made = made.unwrap_or_else(|error| panic!("{choice:?} {what}: {error}"));
    match (expected, made.newly_compiled()) {
        (Expected::Nothing, found) => assert_eq!(found, 0, "{choice:?} {what}"),
        (Expected::Exactly(expected), found) => assert_eq!(found, expected, "{choice:?} {what}"),
    }
    let mut plugin = Plugin::new(&made).expect("it starts");
    assert_eq!(plugin.call("answer", b"").ok(), Some(&b"5d"[..]), "{what}");
}
