//! What guests import, for engines alone: the kernel of Extism by its names, the host functions of the guests, and
//! WASI by the library that wasmtime's own uses. It names no engine.
//!
//! It is as plain as it can be, and no part of what is measured: guests that are measured compute, and ask the host
//! for their input and output only. Functions that guests import and never call are not here.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use polyextism::Wasi;
use wasmtime_wasi::{
    WasiCtxBuilder,
    p1::{WasiP1Ctx, wasi_snapshot_preview1 as p1},
    p2::pipe::MemoryOutputPipe,
};
use wiggle::GuestMemory;

use crate::Error;

/// Where the first block lies: 0 is no block.
const FIRST: u64 = 16;
/// The most that a guest may write to its standard output, in bytes.
const MOST_OUTPUT: usize = 1 << 20;

/// What one guest has around it.
pub(crate) struct World {
    input: Vec<u8>,
    kernel: Vec<u8>,
    lengths: BTreeMap<u64, u64>,
    output: Option<(u64, u64)>,
    library: WasiP1Ctx,
    stdout: MemoryOutputPipe,
    /// The code that the guest ended with, if it did so itself.
    pub(crate) exit: Option<i32>,
}

/// A function that guests import: what is around the guest, its memory and the parameters go in, the result comes out.
pub(crate) type Function = fn(&mut World, &mut [u8], &[u64]) -> Result<u64, Error>;

impl World {
    /// A fresh one.
    pub(crate) fn new(input: &[u8], wasi: Option<Wasi>) -> Self {
        let wasi = wasi.unwrap_or_default();
        let stdout = MemoryOutputPipe::new(MOST_OUTPUT);
        let mut builder = WasiCtxBuilder::new();
        builder
            .allow_blocking_current_thread(true)
            .args(&wasi.args)
            .envs(&wasi.env)
            .stdout(stdout.clone());
        Self {
            input: input.to_vec(),
            kernel: Vec::new(),
            lengths: BTreeMap::new(),
            output: None,
            library: builder.build_p1(),
            stdout,
            exit: None,
        }
    }

    /// Forgets what the last call has left.
    pub(crate) fn begin(&mut self) {
        self.kernel.clear();
        self.lengths.clear();
        self.output = None;
    }

    /// What the call has made its output.
    pub(crate) fn output(&self) -> Vec<u8> {
        let (offset, length) = self.output.unwrap_or_default();
        self.kernel[offset as usize..][..length as usize].to_vec()
    }

    /// What the guest has written to its standard output.
    pub(crate) fn stdout(&self) -> Vec<u8> {
        self.stdout.contents().to_vec()
    }

    fn allocate(&mut self, length: u64) -> u64 {
        let offset = (self.kernel.len() as u64).max(FIRST).next_multiple_of(8);
        self.kernel.resize((offset + length) as usize, 0);
        self.lengths.insert(offset, length);
        offset
    }

    fn length(&self, offset: u64) -> u64 {
        self.lengths.get(&offset).copied().unwrap_or_default()
    }
}

/// The function of that name, if there is one.
pub(crate) fn function(module: &str, name: &str) -> Option<Function> {
    let table = match module {
        "extism:host/env" => KERNEL,
        "extism:host/user" => HOST,
        "wasi_snapshot_preview1" => WASI,
        _ => return None,
    };
    let row = table.iter().find(|row| row.0 == name)?;
    Some(row.1)
}

type Table = &'static [(&'static str, Function)];

const KERNEL: Table = &[
    ("alloc", |w, _, a| Ok(w.allocate(a[0]))),
    ("config_get", |_, _, _| Ok(0)),
    ("error_set", |w, _, a| {
        let text = bytes(&w.kernel, a[0], w.length(a[0]));
        Err(Error::new(String::from_utf8_lossy(text)))
    }),
    ("free", |_, _, _| Ok(0)),
    ("input_length", |w, _, _| Ok(w.input.len() as u64)),
    ("input_load_u64", |w, _, a| word(&w.input, a[0])),
    ("input_load_u8", |w, _, a| Ok(w.input[a[0] as usize].into())),
    ("length", |w, _, a| Ok(w.length(a[0]))),
    ("load_u64", |w, _, a| word(&w.kernel, a[0])),
    ("load_u8", |w, _, a| Ok(w.kernel[a[0] as usize].into())),
    ("output_set", |w, _, a| {
        w.output = Some((a[0], a[1]));
        Ok(0)
    }),
    ("store_u64", |w, _, a| {
        w.kernel[a[0] as usize..][..8].copy_from_slice(&a[1].to_le_bytes());
        Ok(0)
    }),
    ("store_u8", |w, _, a| {
        w.kernel[a[0] as usize] = a[1] as u8;
        Ok(0)
    }),
    ("var_get", |_, _, _| Ok(0)),
    ("var_set", |_, _, _| Ok(0)),
];

const HOST: Table = &[("hello_world", |_, _, a| Ok(a[0]))];

#[rustfmt::skip]
const WASI: Table = &[
    ("args_get", |w, m, a| done(p1::args_get(&mut w.library, &mut of(m), i(a, 0), i(a, 1)))),
    ("args_sizes_get", |w, m, a| done(p1::args_sizes_get(&mut w.library, &mut of(m), i(a, 0), i(a, 1)))),
    ("clock_time_get", |w, m, a| done(p1::clock_time_get(&mut w.library, &mut of(m), i(a, 0), a[1] as i64, i(a, 2)))),
    ("environ_get", |w, m, a| done(p1::environ_get(&mut w.library, &mut of(m), i(a, 0), i(a, 1)))),
    ("environ_sizes_get", |w, m, a| done(p1::environ_sizes_get(&mut w.library, &mut of(m), i(a, 0), i(a, 1)))),
    ("fd_close", |w, m, a| now(p1::fd_close(&mut w.library, &mut of(m), i(a, 0)))),
    ("fd_fdstat_get", |w, m, a| now(p1::fd_fdstat_get(&mut w.library, &mut of(m), i(a, 0), i(a, 1)))),
    ("fd_filestat_get", |w, m, a| now(p1::fd_filestat_get(&mut w.library, &mut of(m), i(a, 0), i(a, 1)))),
    ("fd_prestat_dir_name", |w, m, a| done(p1::fd_prestat_dir_name(&mut w.library, &mut of(m), i(a, 0), i(a, 1), i(a, 2)))),
    ("fd_prestat_get", |w, m, a| done(p1::fd_prestat_get(&mut w.library, &mut of(m), i(a, 0), i(a, 1)))),
    ("fd_read", |w, m, a| now(p1::fd_read(&mut w.library, &mut of(m), i(a, 0), i(a, 1), i(a, 2), i(a, 3)))),
    ("fd_seek", |w, m, a| now(p1::fd_seek(&mut w.library, &mut of(m), i(a, 0), a[1] as i64, i(a, 2), i(a, 3)))),
    ("fd_tell", |w, m, a| done(p1::fd_tell(&mut w.library, &mut of(m), i(a, 0), i(a, 1)))),
    ("fd_write", |w, m, a| now(p1::fd_write(&mut w.library, &mut of(m), i(a, 0), i(a, 1), i(a, 2), i(a, 3)))),
    ("path_filestat_get", |w, m, a| now(p1::path_filestat_get(&mut w.library, &mut of(m), i(a, 0), i(a, 1), i(a, 2), i(a, 3), i(a, 4)))),
    ("path_open", |w, m, a| now(p1::path_open(&mut w.library, &mut of(m), i(a, 0), i(a, 1), i(a, 2), i(a, 3), i(a, 4), a[5] as i64, a[6] as i64, i(a, 7), i(a, 8)))),
    ("path_readlink", |w, m, a| now(p1::path_readlink(&mut w.library, &mut of(m), i(a, 0), i(a, 1), i(a, 2), i(a, 3), i(a, 4), i(a, 5)))),
    ("poll_oneoff", |w, m, a| now(p1::poll_oneoff(&mut w.library, &mut of(m), i(a, 0), i(a, 1), i(a, 2), i(a, 3)))),
    ("proc_exit", |w, _, a| {
        w.exit = Some(i(a, 0));
        Err(Error::new("the guest has ended itself"))
    }),
    ("random_get", |w, m, a| done(p1::random_get(&mut w.library, &mut of(m), i(a, 0), i(a, 1)))),
    ("sched_yield", |w, m, _| done(p1::sched_yield(&mut w.library, &mut of(m)))),
];

fn bytes(memory: &[u8], offset: u64, length: u64) -> &[u8] {
    &memory[offset as usize..][..length as usize]
}

fn word(memory: &[u8], offset: u64) -> Result<u64, Error> {
    let word = bytes(memory, offset, 8)
        .try_into()
        .expect("it is 8 bytes long");
    Ok(u64::from_le_bytes(word))
}

fn i(parameters: &[u64], position: usize) -> i32 {
    parameters[position] as i32
}

fn of(memory: &mut [u8]) -> GuestMemory<'_> {
    GuestMemory::Unshared(memory)
}

fn done(outcome: wasmtime::Result<i32>) -> Result<u64, Error> {
    let errno = outcome.map_err(|error| Error::new(format!("{error:#}")));
    errno.map(|errno| errno as u64)
}

/// Runs what has nothing to wait for.
fn now(future: impl Future<Output = wasmtime::Result<i32>>) -> Result<u64, Error> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(outcome) => done(outcome),
        Poll::Pending => Err(Error::new("no guest here waits")),
    }
}
