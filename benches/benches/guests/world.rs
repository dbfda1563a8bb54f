//! What guests import beside the kernel, for engines alone: the host function of the guests, and WASI by the
//! library that wasmtime's own uses. It names no engine.
//!
//! It is as plain as it can be, and no part of what is measured: guests that are measured compute. The functions of
//! WASI that none of them needs fail.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use polyextism::Wasi;
use wasmtime_wasi::{
    WasiCtxBuilder,
    p1::{
        WasiP1Ctx,
        wasi_snapshot_preview1::{self as p1, WasiSnapshotPreview1 as _},
    },
    p2::pipe::MemoryOutputPipe,
};
use wiggle::GuestMemory;

use crate::Error;

/// The most that a guest may write to each standard stream, in bytes.
const MOST_OUTPUT: usize = 1 << 20;

/// What one guest has around it.
pub(crate) struct World {
    library: WasiP1Ctx,
    stdout: MemoryOutputPipe,
    stderr: MemoryOutputPipe,
    /// The code that the guest ended with, if it did so itself.
    pub(crate) exit: Option<i32>,
}

/// A function that guests import: what is around the guest, its memory and the parameters go in, the result comes out.
pub(crate) type Function = fn(&mut World, &mut [u8], &[u64]) -> Result<u64, Error>;

impl World {
    /// A fresh one.
    pub(crate) fn new(wasi: Option<Wasi>) -> Self {
        let wasi = wasi.unwrap_or_default();
        let stdout = MemoryOutputPipe::new(MOST_OUTPUT);
        let stderr = MemoryOutputPipe::new(MOST_OUTPUT);
        let mut builder = WasiCtxBuilder::new();
        builder
            .allow_blocking_current_thread(true)
            .args(&wasi.args)
            .envs(&wasi.env)
            .stdout(stdout.clone())
            .stderr(stderr.clone());
        let mut library = builder.build_p1();
        // As the command line of wasmtime does; else nothing may be written.
        library.set_hostcall_fuel(usize::MAX);
        Self {
            library,
            stdout,
            stderr,
            exit: None,
        }
    }

    /// What the guest has written to its standard output.
    pub(crate) fn stdout(&self) -> Vec<u8> {
        self.stdout.contents().to_vec()
    }

    /// What it has written to its standard error.
    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr.contents()).into_owned()
    }
}

/// The function of that name, if there is one.
pub(crate) fn function(module: &str, name: &str) -> Option<Function> {
    let table = match module {
        "extism:host/user" => HOST,
        "wasi_snapshot_preview1" => WASI,
        _ => return None,
    };
    let row = table.iter().find(|row| row.0 == name);
    Some(row.map_or(|_, _, _| Ok(NOT_HERE), |row| row.1))
}

type Table = &'static [(&'static str, Function)];

/// `ENOSYS`.
const NOT_HERE: u64 = 52;

const HOST: Table = &[("hello_world", |_, _, a| Ok(a[0]))];

#[rustfmt::skip]
const WASI: Table = &[
    ("args_get", |w, m, a| done(p1::args_get(&mut w.library, &mut of(m), i(a, 0), i(a, 1)))),
    ("args_sizes_get", |w, m, a| done(p1::args_sizes_get(&mut w.library, &mut of(m), i(a, 0), i(a, 1)))),
    ("clock_res_get", |w, m, a| done(p1::clock_res_get(&mut w.library, &mut of(m), i(a, 0), i(a, 1)))),
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
