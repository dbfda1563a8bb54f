//! The guests of the benchmarks.
//!
//! Every plug-in here has a bound on its memory: no figure is one without limits. Python's benchmarks
//! use the same files.

use std::sync::atomic::{AtomicU64, Ordering};

use polyextism::{CachePlace, Choice, Compiled, Function, Manifest, Options, Result, Wasi};

/// The bound on the memories of each plug-in, in pages of 64 KiB: 128 MiB.
const MAX_PAGES: u32 = 2048;

/// A module.
#[derive(Debug)]
pub struct Guest {
    /// Its binary or text.
    pub module: &'static [u8],
    /// What WASI it is given, if any.
    pub wasi: fn() -> Option<Wasi>,
}

/// Exports that do next to nothing, and callers of host functions.
pub const CALLS: Guest = plain(include_bytes!("../guests/calls.wat"));
/// Exports that copy or read their input, by words and by bytes.
pub const BYTES: Guest = plain(include_bytes!("../guests/bytes.wat"));
/// Exports that allocate and free.
pub const BLOCKS: Guest = plain(include_bytes!("../guests/blocks.wat"));
/// A program in C without a library: `count_vowels`. 2.4 KB.
pub const C: Guest = plain(include_bytes!(
    "../../tests/guests/c/c_zig_freestanding.wasm"
));
/// A program with the AssemblyScript kit of Extism: `count_vowels`. 12 KB.
pub const ASSEMBLYSCRIPT: Guest = plain(include_bytes!(
    "../../tests/guests/assemblyscript/as_pdk.wasm"
));
/// SQLite: `version`, with WASI. 1.4 MB.
pub const SQLITE: Guest = with_wasi(include_bytes!(
    "../../tests/guests/sqlite/sqlite_plugin.wasm"
));

/// A module that needs nothing beside the kernel and the host functions.
pub(crate) const fn plain(module: &'static [u8]) -> Guest {
    Guest {
        module,
        wasi: || None,
    }
}

/// A module that needs WASI as well.
pub(crate) const fn with_wasi(module: &'static [u8]) -> Guest {
    Guest {
        module,
        wasi: || Some(Wasi::default()),
    }
}

impl Guest {
    /// The manifest, with its bound.
    pub fn manifest(&self) -> Manifest {
        bounded(self.module.to_vec())
    }

    /// As [`Guest::manifest`], of a module that nobody has compiled before: it has a section more, which
    /// has no meaning.
    ///
    /// # Panics
    /// If the module is a text.
    pub fn unique_manifest(&self) -> Manifest {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        assert!(self.module.starts_with(b"\0asm"), "the module is a text");
        let section = [
            &b"\x06unique"[..],
            &NEXT.fetch_add(1, Ordering::Relaxed).to_le_bytes(),
        ]
        .concat();
        bounded([self.module, &[0, section.len() as u8], &section].concat())
    }

    /// Host functions and WASI, and no cache of compiled code.
    pub fn options(&self) -> Options {
        Options::default()
            .with_functions(host_functions())
            .with_wasi((self.wasi)())
            .with_cache(CachePlace::Off)
    }

    /// The guest, compiled for an engine.
    ///
    /// # Errors
    /// If the engine refuses it.
    pub fn compile(&self, engine: &Choice) -> Result<Compiled> {
        engine.compile(&self.manifest(), &self.options())
    }
}

fn bounded(module: Vec<u8>) -> Manifest {
    let mut manifest = Manifest::of(module);
    manifest.memory.max_pages = Some(MAX_PAGES);
    manifest
}

/// What guests import from `extism:host/user`.
fn host_functions() -> Vec<Function> {
    vec![
        Function::typed("increment", |_, (n,): (i64,)| Ok(n.wrapping_add(1))),
        Function::bytes("turn_around", |_, bytes| {
            Ok(bytes.iter().rev().copied().collect())
        }),
        Function::bytes("hello_world", |_, bytes| Ok(bytes.to_vec())),
    ]
}
