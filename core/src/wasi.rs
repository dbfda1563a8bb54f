//! WASI preview 1 for every engine, by the library `wasmtime-wasi`.
//!
//! Its functions need a slice of guest memory and a context, which is just what
//! [`Caller::memory`] lends. [`TABLE`] says name, parameters and forwarding body of each; the
//! compiler checks every row against the library, which marks this surface as unsupported: so it is
//! used in this file alone, and the 48 line is frozen. No engine is named or needed here.
//!
//! Differences from the library's own linker: `proc_exit` takes every code, and futures run on a
//! runtime of the calling thread that is made anew after a fork.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    future::{Future, poll_fn},
    path::Path,
    pin::pin,
    sync::{Arc, LazyLock},
    task::Poll,
    time::{Duration, Instant},
};

use wasmtime_wasi::{
    FsPerms, WasiCtxBuilder,
    p1::{
        WasiP1Ctx,
        wasi_snapshot_preview1::{self as p1, WasiSnapshotPreview1 as _},
    },
};
use wiggle::GuestMemory;

use crate::{
    alarm::Alarm,
    engine::{
        guest::Caller,
        types::{
            HostFunc,
            NumType::{self, I32, I64},
            Signature,
        },
    },
    error::{Error, ErrorKind, Result},
    manifest::wrong,
};

mod timer;

use self::timer::Timer;

/// The most bytes that one WASI call may make the host copy.
const HOSTCALL_FUEL: usize = 128 << 20;

/// The WASI state of one plug-in.
pub(crate) struct Wasi(WasiP1Ctx);

/// What a plug-in's WASI may touch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// Host folder (`ro:` makes it read-only) to guest path.
    pub(crate) allowed_paths: BTreeMap<String, String>,
    /// Where standard output and standard error go.
    pub(crate) output: Output,
}

/// Where standard output and standard error go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Output {
    /// Nowhere; writes succeed.
    #[default]
    Discard,
    /// To those of the process.
    Inherit,
}

impl Wasi {
    /// A fresh state: no arguments, no environment, no input, the folders of `settings`.
    ///
    /// # Errors
    /// `Manifest` if a folder cannot be opened.
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        let mut builder = WasiCtxBuilder::new();
        builder.allow_blocking_current_thread(true);
        if settings.output == Output::Inherit {
            builder.inherit_stdout().inherit_stderr();
        }
        for (host, guest) in &settings.allowed_paths {
            let (folder, permissions) = match host.strip_prefix("ro:") {
                Some(folder) => (folder, FsPerms::ReadOnly),
                None => (host.as_str(), FsPerms::ReadWrite),
            };
            let refuse = |why: String| {
                wrong(format_args!(
                    "allowed_paths.{host}: cannot open the folder `{folder}`: {why}"
                ))
            };
            if !Path::new(folder).is_dir() {
                return Err(refuse("there is no such folder".into()));
            }
            builder
                .preopened_dir(folder, guest, permissions)
                .map_err(|error| refuse(format!("{error:#}")))?;
        }
        Ok(Self(builder.build_p1()))
    }
}

/// The function of that name, if preview 1 has it. Made once for the process: they have no state.
pub(crate) fn function(name: &str) -> Option<&'static Arc<HostFunc>> {
    static FUNCTIONS: LazyLock<Vec<Arc<HostFunc>>> = LazyLock::new(|| {
        let make = |&(name, params, body): &Row| {
            let signature = Signature::new(params, &[I32]);
            let body = move |caller: Caller<'_>, slots: &mut [u64]| call(name, body, caller, slots);
            HostFunc::new(
                format!("wasi_snapshot_preview1::{name}"),
                signature,
                Box::new(body),
            )
        };
        let exit = HostFunc::new(
            "wasi_snapshot_preview1::proc_exit",
            Signature::new(&[I32], &[]),
            Box::new(|_, slots| Err(exit(slots[0] as i32))),
        );
        TABLE.iter().map(make).chain([exit]).collect()
    });
    let position = match name {
        "proc_exit" => TABLE.len(),
        name => TABLE.iter().position(|row| row.0 == name)?,
    };
    Some(&FUNCTIONS[position])
}

#[cold]
fn exit(code: i32) -> Error {
    Error::new(
        ErrorKind::Exit(code),
        format!("the guest exited with the code {code}"),
    )
}

fn call(name: &str, body: Body, mut caller: Caller<'_>, slots: &mut [u64]) -> Result<()> {
    let (memory, host) = caller.memory();
    let (wasi, alarm) = host.wasi();
    let Some(Wasi(context)) = wasi else {
        return Err(failed(name, "WASI is off for this plug-in"));
    };
    context.set_hostcall_fuel(HOSTCALL_FUEL);
    let args = Args { slots, alarm };
    let errno = body(context, &mut GuestMemory::Unshared(memory), args).map_err(|error| {
        // What ended the wait comes out as itself.
        match error.downcast::<Error>() {
            Ok(error) => error,
            Err(error) => failed(name, format_args!("{error:#}")),
        }
    })?;
    if let Some(result) = slots.first_mut() {
        *result = u64::from(errno as u32);
    }
    Ok(())
}

#[cold]
fn failed(name: &str, why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::HostFunction, format!("WASI `{name}`: {why}"))
}

/// Parameters by position, and what a function that waits must know.
#[derive(Clone, Copy)]
struct Args<'a> {
    slots: &'a [u64],
    alarm: &'a Alarm,
}

impl Args<'_> {
    fn i(self, position: usize) -> i32 {
        self.slots[position] as i32
    }

    fn l(self, position: usize) -> i64 {
        self.slots[position] as i64
    }

    /// Sleeps, unless the call has to end.
    fn sleep(self, time: Duration) -> wiggle::error::Result<()> {
        let start = Instant::now();
        loop {
            let left = time.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(self.alarm.patience()));
            self.alarm.attend()?;
        }
    }

    /// Runs a future of the library to its end on a runtime of this thread, or until the call has to
    /// end.
    fn wait(self, future: impl Future<Output = Errno>) -> Errno {
        on_runtime(async {
            let mut future = pin!(future);
            // Nearly all are ready at once, and need no timer.
            let first = poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
            if let Poll::Ready(errno) = first {
                return errno;
            }
            loop {
                match tokio::time::timeout(self.alarm.patience(), &mut future).await {
                    Ok(errno) => return errno,
                    Err(_) => self.alarm.attend()?,
                }
            }
        })
    }
}

/// A lone timer is waited for here, everything else by the library.
fn poll_oneoff(wasi: &mut WasiP1Ctx, memory: &mut GuestMemory<'_>, a: Args<'_>) -> Errno {
    let timer = match memory {
        GuestMemory::Unshared(bytes) => {
            let [subs, events, count, size] = [0, 1, 2, 3].map(|i| a.i(i) as u32);
            Timer::read(bytes, subs, events, count, size)
        }
        _ => None,
    };
    if let Some(timer) = &timer {
        a.sleep(Duration::from_nanos(timer.nanos))?;
    }
    if let (Some(timer), GuestMemory::Unshared(bytes)) = (&timer, &mut *memory) {
        timer.ring(bytes);
    }
    let errno = a.wait(p1::poll_oneoff(
        wasi,
        memory,
        a.i(0),
        a.i(1),
        a.i(2),
        a.i(3),
    ));
    if let (Some(timer), GuestMemory::Unshared(bytes)) = (&timer, memory) {
        timer.restore(bytes);
    }
    errno
}

type Errno = wiggle::error::Result<i32>;
type Body = fn(&mut WasiP1Ctx, &mut GuestMemory<'_>, Args<'_>) -> Errno;
type Row = (&'static str, &'static [NumType], Body);

/// Runs a future on a runtime of this thread.
fn on_runtime(future: impl Future<Output = Errno>) -> Errno {
    thread_local! {
        static RUNTIME: RefCell<Option<(u32, tokio::runtime::Runtime)>> =
            const { RefCell::new(None) };
    }
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        return runtime.block_on(future);
    }
    RUNTIME.with_borrow_mut(|slot| {
        let process = std::process::id();
        if slot.as_ref().is_none_or(|(maker, _)| *maker != process) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()?;
            // A runtime of the parent process must not run its destructor in a forked child.
            std::mem::forget(slot.replace((process, runtime)));
        }
        let (_, runtime) = slot.as_ref().expect("the runtime was made above");
        runtime.block_on(future)
    })
}

/// Every function of preview 1 but `proc_exit`; each returns an errno.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    ("args_get", &[I32, I32], |w, m, a| p1::args_get(w, m, a.i(0), a.i(1))),
    ("args_sizes_get", &[I32, I32], |w, m, a| p1::args_sizes_get(w, m, a.i(0), a.i(1))),
    ("clock_res_get", &[I32, I32], |w, m, a| p1::clock_res_get(w, m, a.i(0), a.i(1))),
    ("clock_time_get", &[I32, I64, I32], |w, m, a| p1::clock_time_get(w, m, a.i(0), a.l(1), a.i(2))),
    ("environ_get", &[I32, I32], |w, m, a| p1::environ_get(w, m, a.i(0), a.i(1))),
    ("environ_sizes_get", &[I32, I32], |w, m, a| p1::environ_sizes_get(w, m, a.i(0), a.i(1))),
    ("fd_advise", &[I32, I64, I64, I32], |w, m, a| a.wait(p1::fd_advise(w, m, a.i(0), a.l(1), a.l(2), a.i(3)))),
    ("fd_allocate", &[I32, I64, I64], |w, m, a| p1::fd_allocate(w, m, a.i(0), a.l(1), a.l(2))),
    ("fd_close", &[I32], |w, m, a| a.wait(p1::fd_close(w, m, a.i(0)))),
    ("fd_datasync", &[I32], |w, m, a| a.wait(p1::fd_datasync(w, m, a.i(0)))),
    ("fd_fdstat_get", &[I32, I32], |w, m, a| a.wait(p1::fd_fdstat_get(w, m, a.i(0), a.i(1)))),
    ("fd_fdstat_set_flags", &[I32, I32], |w, m, a| p1::fd_fdstat_set_flags(w, m, a.i(0), a.i(1))),
    ("fd_fdstat_set_rights", &[I32, I64, I64], |w, m, a| p1::fd_fdstat_set_rights(w, m, a.i(0), a.l(1), a.l(2))),
    ("fd_filestat_get", &[I32, I32], |w, m, a| a.wait(p1::fd_filestat_get(w, m, a.i(0), a.i(1)))),
    ("fd_filestat_set_size", &[I32, I64], |w, m, a| a.wait(p1::fd_filestat_set_size(w, m, a.i(0), a.l(1)))),
    ("fd_filestat_set_times", &[I32, I64, I64, I32], |w, m, a| a.wait(p1::fd_filestat_set_times(w, m, a.i(0), a.l(1), a.l(2), a.i(3)))),
    ("fd_pread", &[I32, I32, I32, I64, I32], |w, m, a| a.wait(p1::fd_pread(w, m, a.i(0), a.i(1), a.i(2), a.l(3), a.i(4)))),
    ("fd_prestat_dir_name", &[I32, I32, I32], |w, m, a| p1::fd_prestat_dir_name(w, m, a.i(0), a.i(1), a.i(2))),
    ("fd_prestat_get", &[I32, I32], |w, m, a| p1::fd_prestat_get(w, m, a.i(0), a.i(1))),
    ("fd_pwrite", &[I32, I32, I32, I64, I32], |w, m, a| a.wait(p1::fd_pwrite(w, m, a.i(0), a.i(1), a.i(2), a.l(3), a.i(4)))),
    ("fd_read", &[I32, I32, I32, I32], |w, m, a| a.wait(p1::fd_read(w, m, a.i(0), a.i(1), a.i(2), a.i(3)))),
    ("fd_readdir", &[I32, I32, I32, I64, I32], |w, m, a| a.wait(p1::fd_readdir(w, m, a.i(0), a.i(1), a.i(2), a.l(3), a.i(4)))),
    ("fd_renumber", &[I32, I32], |w, m, a| a.wait(p1::fd_renumber(w, m, a.i(0), a.i(1)))),
    ("fd_seek", &[I32, I64, I32, I32], |w, m, a| a.wait(p1::fd_seek(w, m, a.i(0), a.l(1), a.i(2), a.i(3)))),
    ("fd_sync", &[I32], |w, m, a| a.wait(p1::fd_sync(w, m, a.i(0)))),
    ("fd_tell", &[I32, I32], |w, m, a| p1::fd_tell(w, m, a.i(0), a.i(1))),
    ("fd_write", &[I32, I32, I32, I32], |w, m, a| a.wait(p1::fd_write(w, m, a.i(0), a.i(1), a.i(2), a.i(3)))),
    ("path_create_directory", &[I32, I32, I32], |w, m, a| a.wait(p1::path_create_directory(w, m, a.i(0), a.i(1), a.i(2)))),
    ("path_filestat_get", &[I32, I32, I32, I32, I32], |w, m, a| a.wait(p1::path_filestat_get(w, m, a.i(0), a.i(1), a.i(2), a.i(3), a.i(4)))),
    ("path_filestat_set_times", &[I32, I32, I32, I32, I64, I64, I32], |w, m, a| a.wait(p1::path_filestat_set_times(w, m, a.i(0), a.i(1), a.i(2), a.i(3), a.l(4), a.l(5), a.i(6)))),
    ("path_link", &[I32, I32, I32, I32, I32, I32, I32], |w, m, a| a.wait(p1::path_link(w, m, a.i(0), a.i(1), a.i(2), a.i(3), a.i(4), a.i(5), a.i(6)))),
    ("path_open", &[I32, I32, I32, I32, I32, I64, I64, I32, I32], |w, m, a| a.wait(p1::path_open(w, m, a.i(0), a.i(1), a.i(2), a.i(3), a.i(4), a.l(5), a.l(6), a.i(7), a.i(8)))),
    ("path_readlink", &[I32, I32, I32, I32, I32, I32], |w, m, a| a.wait(p1::path_readlink(w, m, a.i(0), a.i(1), a.i(2), a.i(3), a.i(4), a.i(5)))),
    ("path_remove_directory", &[I32, I32, I32], |w, m, a| a.wait(p1::path_remove_directory(w, m, a.i(0), a.i(1), a.i(2)))),
    ("path_rename", &[I32, I32, I32, I32, I32, I32], |w, m, a| a.wait(p1::path_rename(w, m, a.i(0), a.i(1), a.i(2), a.i(3), a.i(4), a.i(5)))),
    ("path_symlink", &[I32, I32, I32, I32, I32], |w, m, a| a.wait(p1::path_symlink(w, m, a.i(0), a.i(1), a.i(2), a.i(3), a.i(4)))),
    ("path_unlink_file", &[I32, I32, I32], |w, m, a| a.wait(p1::path_unlink_file(w, m, a.i(0), a.i(1), a.i(2)))),
    ("poll_oneoff", &[I32, I32, I32, I32], poll_oneoff),
    ("proc_raise", &[I32], |w, m, a| p1::proc_raise(w, m, a.i(0))),
    ("random_get", &[I32, I32], |w, m, a| p1::random_get(w, m, a.i(0), a.i(1))),
    ("sched_yield", &[], |w, m, _| p1::sched_yield(w, m)),
    ("sock_accept", &[I32, I32, I32], |w, m, a| p1::sock_accept(w, m, a.i(0), a.i(1), a.i(2))),
    ("sock_recv", &[I32, I32, I32, I32, I32, I32], |w, m, a| p1::sock_recv(w, m, a.i(0), a.i(1), a.i(2), a.i(3), a.i(4), a.i(5))),
    ("sock_send", &[I32, I32, I32, I32, I32], |w, m, a| p1::sock_send(w, m, a.i(0), a.i(1), a.i(2), a.i(3), a.i(4))),
    ("sock_shutdown", &[I32, I32], |w, m, a| p1::sock_shutdown(w, m, a.i(0), a.i(1))),
];
