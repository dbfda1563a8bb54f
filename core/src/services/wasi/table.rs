//! The functions of WASI preview 1: name, parameters and forwarding body of each.
//!
//! The compiler checks every row against the library. Rows without a rule call the library directly; rules are in
//! [`super::rules`] and [`super::folders`]. Invariant: every future is run by [`Args::wait`].

use std::future::Future;

use wasmtime_wasi::p1::wasi_snapshot_preview1 as p1;
use wiggle::GuestMemory;

use super::{Errno, State, folders, rules, waiting};
use crate::{
    base::types::NumType::{self, I32, I64},
    deadline::alarm::Alarm,
};

/// The parameters by position, and the state that a waiting function needs.
#[derive(Clone, Copy)]
pub(super) struct Args<'a> {
    pub(super) slots: &'a [u64],
    pub(super) alarm: &'a Alarm,
}

impl Args<'_> {
    pub(super) fn i(self, position: usize) -> i32 {
        self.slots[position] as i32
    }

    pub(super) fn l(self, position: usize) -> i64 {
        self.slots[position] as i64
    }

    /// An address, a length or the number of a descriptor.
    pub(super) fn u(self, position: usize) -> u32 {
        self.slots[position] as u32
    }

    /// Runs a future of the library to its end, or until the call has to end.
    pub(super) fn wait(self, future: impl Future<Output = Errno>) -> Errno {
        waiting::wait(self.alarm, future)
    }
}

pub(super) type Body = fn(&mut State, &mut GuestMemory<'_>, Args<'_>) -> Errno;
pub(super) type Row = (&'static str, &'static [NumType], Body);

/// Every function of preview 1 except `proc_exit`. Each returns an errno.
#[rustfmt::skip]
pub(super) const TABLE: &[Row] = &[
    ("args_get", &[I32, I32], |w, m, a| p1::args_get(&mut w.library, m, a.i(0), a.i(1))),
    ("args_sizes_get", &[I32, I32], |w, m, a| p1::args_sizes_get(&mut w.library, m, a.i(0), a.i(1))),
    ("clock_res_get", &[I32, I32], |w, m, a| p1::clock_res_get(&mut w.library, m, a.i(0), a.i(1))),
    ("clock_time_get", &[I32, I64, I32], |w, m, a| p1::clock_time_get(&mut w.library, m, a.i(0), a.l(1), a.i(2))),
    ("environ_get", &[I32, I32], |w, m, a| p1::environ_get(&mut w.library, m, a.i(0), a.i(1))),
    ("environ_sizes_get", &[I32, I32], |w, m, a| p1::environ_sizes_get(&mut w.library, m, a.i(0), a.i(1))),
    ("fd_advise", &[I32, I64, I64, I32], |w, m, a| a.wait(p1::fd_advise(&mut w.library, m, a.i(0), a.l(1), a.l(2), a.i(3)))),
    ("fd_allocate", &[I32, I64, I64], |w, m, a| p1::fd_allocate(&mut w.library, m, a.i(0), a.l(1), a.l(2))),
    ("fd_close", &[I32], rules::fd_close),
    ("fd_datasync", &[I32], |w, m, a| a.wait(p1::fd_datasync(&mut w.library, m, a.i(0)))),
    ("fd_fdstat_get", &[I32, I32], |w, m, a| a.wait(p1::fd_fdstat_get(&mut w.library, m, a.i(0), a.i(1)))),
    ("fd_fdstat_set_flags", &[I32, I32], |w, m, a| p1::fd_fdstat_set_flags(&mut w.library, m, a.i(0), a.i(1))),
    ("fd_fdstat_set_rights", &[I32, I64, I64], |w, m, a| p1::fd_fdstat_set_rights(&mut w.library, m, a.i(0), a.l(1), a.l(2))),
    ("fd_filestat_get", &[I32, I32], |w, m, a| a.wait(p1::fd_filestat_get(&mut w.library, m, a.i(0), a.i(1)))),
    ("fd_filestat_set_size", &[I32, I64], |w, m, a| a.wait(p1::fd_filestat_set_size(&mut w.library, m, a.i(0), a.l(1)))),
    ("fd_filestat_set_times", &[I32, I64, I64, I32], |w, m, a| a.wait(p1::fd_filestat_set_times(&mut w.library, m, a.i(0), a.l(1), a.l(2), a.i(3)))),
    ("fd_pread", &[I32, I32, I32, I64, I32], rules::fd_pread),
    ("fd_prestat_dir_name", &[I32, I32, I32], |w, m, a| p1::fd_prestat_dir_name(&mut w.library, m, a.i(0), a.i(1), a.i(2))),
    ("fd_prestat_get", &[I32, I32], |w, m, a| p1::fd_prestat_get(&mut w.library, m, a.i(0), a.i(1))),
    ("fd_pwrite", &[I32, I32, I32, I64, I32], rules::fd_pwrite),
    ("fd_read", &[I32, I32, I32, I32], rules::fd_read),
    ("fd_readdir", &[I32, I32, I32, I64, I32], folders::fd_readdir),
    ("fd_renumber", &[I32, I32], rules::fd_renumber),
    ("fd_seek", &[I32, I64, I32, I32], |w, m, a| a.wait(p1::fd_seek(&mut w.library, m, a.i(0), a.l(1), a.i(2), a.i(3)))),
    ("fd_sync", &[I32], |w, m, a| a.wait(p1::fd_sync(&mut w.library, m, a.i(0)))),
    ("fd_tell", &[I32, I32], |w, m, a| p1::fd_tell(&mut w.library, m, a.i(0), a.i(1))),
    ("fd_write", &[I32, I32, I32, I32], rules::fd_write),
    ("path_create_directory", &[I32, I32, I32], |w, m, a| a.wait(p1::path_create_directory(&mut w.library, m, a.i(0), a.i(1), a.i(2)))),
    ("path_filestat_get", &[I32, I32, I32, I32, I32], |w, m, a| a.wait(p1::path_filestat_get(&mut w.library, m, a.i(0), a.i(1), a.i(2), a.i(3), a.i(4)))),
    ("path_filestat_set_times", &[I32, I32, I32, I32, I64, I64, I32], |w, m, a| a.wait(p1::path_filestat_set_times(&mut w.library, m, a.i(0), a.i(1), a.i(2), a.i(3), a.l(4), a.l(5), a.i(6)))),
    ("path_link", &[I32, I32, I32, I32, I32, I32, I32], |w, m, a| a.wait(p1::path_link(&mut w.library, m, a.i(0), a.i(1), a.i(2), a.i(3), a.i(4), a.i(5), a.i(6)))),
    ("path_open", &[I32, I32, I32, I32, I32, I64, I64, I32, I32], rules::path_open),
    ("path_readlink", &[I32, I32, I32, I32, I32, I32], |w, m, a| a.wait(p1::path_readlink(&mut w.library, m, a.i(0), a.i(1), a.i(2), a.i(3), a.i(4), a.i(5)))),
    ("path_remove_directory", &[I32, I32, I32], |w, m, a| a.wait(p1::path_remove_directory(&mut w.library, m, a.i(0), a.i(1), a.i(2)))),
    ("path_rename", &[I32, I32, I32, I32, I32, I32], |w, m, a| a.wait(p1::path_rename(&mut w.library, m, a.i(0), a.i(1), a.i(2), a.i(3), a.i(4), a.i(5)))),
    ("path_symlink", &[I32, I32, I32, I32, I32], |w, m, a| a.wait(p1::path_symlink(&mut w.library, m, a.i(0), a.i(1), a.i(2), a.i(3), a.i(4)))),
    ("path_unlink_file", &[I32, I32, I32], rules::path_unlink_file),
    ("poll_oneoff", &[I32, I32, I32, I32], rules::poll_oneoff),
    ("proc_raise", &[I32], |w, m, a| p1::proc_raise(&mut w.library, m, a.i(0))),
    ("random_get", &[I32, I32], rules::random_get),
    ("sched_yield", &[], |w, m, _| p1::sched_yield(&mut w.library, m)),
    ("sock_accept", &[I32, I32, I32], |w, m, a| p1::sock_accept(&mut w.library, m, a.i(0), a.i(1), a.i(2))),
    ("sock_recv", &[I32, I32, I32, I32, I32, I32], |w, m, a| p1::sock_recv(&mut w.library, m, a.i(0), a.i(1), a.i(2), a.i(3), a.i(4), a.i(5))),
    ("sock_send", &[I32, I32, I32, I32, I32], |w, m, a| p1::sock_send(&mut w.library, m, a.i(0), a.i(1), a.i(2), a.i(3), a.i(4))),
    ("sock_shutdown", &[I32, I32], |w, m, a| p1::sock_shutdown(&mut w.library, m, a.i(0), a.i(1))),
];
