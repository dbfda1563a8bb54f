//! A guest that makes any call of WASI preview 1 that a test asks for.
//!
//! Names and types of the functions stand in [`FUNCTIONS`], written from the specification and not
//! from the host's table. The guest's memory has [`OUT`] bytes for results, then what the test puts
//! there. This file knows no engine.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use polyextism::{Choice, Compiled, Manifest, Options, Plugin, Result, Wasi};

/// Where the bytes that a test supplies begin; results go below.
pub const OUT: u32 = 4096;
/// How many arguments fit.
const ARGS: usize = 10;

/// Errnos of the specification.
#[expect(missing_docs, reason = "the specification has them under these names")]
pub mod errno {
    pub const SUCCESS: i32 = 0;
    pub const BADF: i32 = 8;
    pub const EXIST: i32 = 20;
    pub const ILSEQ: i32 = 25;
    pub const INVAL: i32 = 28;
    pub const IO: i32 = 29;
    pub const ISDIR: i32 = 31;
    pub const LOOP: i32 = 32;
    pub const MFILE: i32 = 33;
    pub const NAMETOOLONG: i32 = 37;
    pub const NOENT: i32 = 44;
    pub const NOMEM: i32 = 48;
    pub const NOTDIR: i32 = 54;
    pub const NOTEMPTY: i32 = 55;
    pub const NOTSOCK: i32 = 57;
    pub const NOTSUP: i32 = 58;
    pub const OVERFLOW: i32 = 61;
    pub const PERM: i32 = 63;
    pub const SPIPE: i32 = 70;
}

/// Rights and flags of `path_open`.
#[expect(missing_docs, reason = "the specification has them under these names")]
pub mod flags {
    pub const FOLLOW: i64 = 1;
    pub const CREAT: i64 = 1;
    pub const DIRECTORY: i64 = 2;
    pub const EXCL: i64 = 4;
    pub const TRUNC: i64 = 8;
    pub const READ: i64 = 1 << 1;
    pub const WRITE: i64 = 1 << 6;
    pub const APPEND: i64 = 1;
}

/// The functions that return an errno: `i` is a 32-bit parameter, `l` a 64-bit one.
pub const FUNCTIONS: &[(&str, &str)] = &[
    ("args_get", "ii"),
    ("args_sizes_get", "ii"),
    ("clock_res_get", "ii"),
    ("clock_time_get", "ili"),
    ("environ_get", "ii"),
    ("environ_sizes_get", "ii"),
    ("fd_advise", "illi"),
    ("fd_allocate", "ill"),
    ("fd_close", "i"),
    ("fd_datasync", "i"),
    ("fd_fdstat_get", "ii"),
    ("fd_fdstat_set_flags", "ii"),
    ("fd_fdstat_set_rights", "ill"),
    ("fd_filestat_get", "ii"),
    ("fd_filestat_set_size", "il"),
    ("fd_filestat_set_times", "illi"),
    ("fd_pread", "iiili"),
    ("fd_prestat_dir_name", "iii"),
    ("fd_prestat_get", "ii"),
    ("fd_pwrite", "iiili"),
    ("fd_read", "iiii"),
    ("fd_readdir", "iiili"),
    ("fd_renumber", "ii"),
    ("fd_seek", "ilii"),
    ("fd_sync", "i"),
    ("fd_tell", "ii"),
    ("fd_write", "iiii"),
    ("path_create_directory", "iii"),
    ("path_filestat_get", "iiiii"),
    ("path_filestat_set_times", "iiiilli"),
    ("path_link", "iiiiiii"),
    ("path_open", "iiiiillii"),
    ("path_readlink", "iiiiii"),
    ("path_remove_directory", "iii"),
    ("path_rename", "iiiiii"),
    ("path_symlink", "iiiii"),
    ("path_unlink_file", "iii"),
    ("poll_oneoff", "iiii"),
    ("proc_raise", "i"),
    ("random_get", "ii"),
    ("sched_yield", ""),
    ("sock_accept", "iii"),
    ("sock_recv", "iiiiii"),
    ("sock_send", "iiiii"),
    ("sock_shutdown", "ii"),
];

/// An argument of a call.
#[derive(Clone, Copy, Debug)]
pub enum Arg<'a> {
    /// A number.
    N(i64),
    /// Bytes in the guest's memory: their address and their length, so two parameters.
    Path(&'a [u8]),
    /// One buffer to write from: the address and the number of vectors.
    From(&'a [u8]),
    /// One buffer of so many bytes, at address 256, to read into: likewise.
    Into(u32),
    /// The address of bytes in the guest's memory.
    At(&'a [u8]),
}

/// How a call ended, and the memory for results after it.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The errno.
    pub errno: i32,
    /// How many calls were made, if several were asked for.
    pub calls: u32,
    /// The first [`OUT`] bytes of the memory.
    pub memory: Vec<u8>,
}

impl Answer {
    /// The 32-bit number at an address.
    ///
    /// # Panics
    /// If it is not below [`OUT`].
    pub fn number(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.memory[at..at + 4].try_into().expect("four bytes"))
    }

    /// The 64-bit number at an address.
    ///
    /// # Panics
    /// If it is not below [`OUT`].
    pub fn long(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.memory[at..at + 8].try_into().expect("eight bytes"))
    }
}

/// The text of the guest.
pub fn wat() -> String {
    let mut imports = String::new();
    let mut bodies = String::new();
    for (name, params) in FUNCTIONS {
        let types: Vec<_> = params
            .chars()
            .map(|c| if c == 'l' { "i64" } else { "i32" })
            .collect();
        let arg = |(position, c): (usize, char)| match c {
            'l' => format!("(call $arg (i32.const {position}))"),
            _ => format!("(i32.wrap_i64 (call $arg (i32.const {position})))"),
        };
        let args: String = params.chars().enumerate().map(arg).collect();
        _ = writeln!(
            imports,
            r#"(import "wasi_snapshot_preview1" "{name}" (func ${name} (param {}) (result i32)))"#,
            types.join(" ")
        );
        _ = writeln!(
            bodies,
            r#"(func (export "{name}") (local $n i64) (local $errno i32)
              (call $begin)
              (loop $again
                (local.set $errno (call ${name} {args}))
                (local.set $n (i64.add (local.get $n) (i64.const 1)))
                (br_if $again (i32.and (i32.eqz (local.get $errno))
                  (i64.lt_u (local.get $n) (call $arg (i32.const 9))))))
              (call $end (local.get $errno) (local.get $n)))"#
        );
    }
    include_str!("wasi_guest.wat")
        .replace(";; IMPORTS", &imports)
        .replace(";; BODIES", &bodies)
}

/// A live guest.
pub struct Guest(Plugin);

impl Guest {
    /// The guest, compiled. `paths` is what `allowed_paths` of the manifest says.
    ///
    /// # Errors
    /// Whatever compiling ends with.
    pub fn compile(choice: &Choice, wasi: Wasi, paths: &[(&str, &str)]) -> Result<Compiled> {
        let mut manifest = Manifest::of(wat().into_bytes());
        let owned = paths
            .iter()
            .map(|(host, guest)| ((*host).into(), (*guest).into()));
        manifest.allowed_paths = Some(owned.collect::<BTreeMap<_, _>>());
        let options = Options::default().with_wasi(wasi);
        choice.compile(&manifest, &options)
    }

    /// A live guest.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn new(choice: &Choice, wasi: Wasi, paths: &[(&str, &str)]) -> Self {
        let compiled = Self::compile(choice, wasi, paths).expect("the guest compiles");
        Self::of(&compiled)
    }

    /// A live guest of a compiled one.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn of(compiled: &Compiled) -> Self {
        Self(Plugin::new(compiled).expect("the guest can be instantiated"))
    }

    /// Makes one call.
    ///
    /// # Errors
    /// If it ends by no errno.
    pub fn try_call(&mut self, name: &str, args: &[Arg<'_>]) -> Result<Answer> {
        self.repeat(name, args, 1)
    }

    /// Makes the same call until it has been made so often or fails.
    ///
    /// # Errors
    /// If it ends by no errno.
    pub fn repeat(&mut self, name: &str, args: &[Arg<'_>], times: u32) -> Result<Answer> {
        let mut numbers = Vec::new();
        let mut data: Vec<u8> = Vec::new();
        let mut put = |bytes: &[u8]| {
            let at = OUT + data.len() as u32;
            data.extend_from_slice(bytes);
            data.resize(data.len().next_multiple_of(8), 0);
            i64::from(at)
        };
        let vector =
            |at: i64, length: u32| [(at as u32).to_le_bytes(), length.to_le_bytes()].concat();
        for arg in args {
            match *arg {
                Arg::N(number) => numbers.push(number),
                Arg::Path(bytes) => numbers.extend([put(bytes), bytes.len() as i64]),
                Arg::At(bytes) => numbers.push(put(bytes)),
                Arg::From(bytes) => {
                    let at = put(bytes);
                    numbers.extend([put(&vector(at, bytes.len() as u32)), 1]);
                }
                Arg::Into(length) => numbers.extend([put(&vector(256, length)), 1]),
            }
        }
        assert!(numbers.len() < ARGS, "too many arguments: {args:?}");
        numbers.resize(ARGS - 1, 0);
        numbers.push(i64::from(times));
        let mut input: Vec<u8> = numbers
            .iter()
            .flat_map(|number| number.to_le_bytes())
            .collect();
        input.extend(data);
        let output = self.0.call(name, &input)?;
        let number = |at: usize| u32::from_le_bytes(output[at..at + 4].try_into().expect("four"));
        Ok(Answer {
            errno: number(0) as i32,
            calls: number(4),
            memory: output[8..].to_vec(),
        })
    }

    /// Makes one call.
    ///
    /// # Panics
    /// If it ends by no errno.
    pub fn call(&mut self, name: &str, args: &[Arg<'_>]) -> Answer {
        let answer = self.try_call(name, args);
        answer.unwrap_or_else(|error| panic!("{name} {args:?}: {error:?}"))
    }

    /// Opens a path and returns the descriptor.
    ///
    /// # Errors
    /// The errno.
    pub fn open(&mut self, folder: i64, path: &str, oflags: i64, rights: i64) -> Result<i64, i32> {
        use Arg::{N, Path};
        let args = [
            N(folder),
            N(flags::FOLLOW),
            Path(path.as_bytes()),
            N(oflags),
            N(rights),
            N(rights),
            N(0),
            N(0),
        ];
        let answer = self.call("path_open", &args);
        match answer.errno {
            errno::SUCCESS => Ok(i64::from(answer.number(0))),
            errno => Err(errno),
        }
    }

    /// The plug-in itself.
    pub fn plugin(&mut self) -> &mut Plugin {
        &mut self.0
    }
}

/// An empty folder for a test, as text.
///
/// # Panics
/// If it cannot be made.
pub fn folder(root: &Path, name: &str) -> String {
    let folder = root.join(name);
    _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    folder.to_str().expect("the path is plain").to_owned()
}
