//! What each function of WASI preview 1 answers to what it cannot do: one table for every engine.

use std::{fs, path::Path};

use polyextism::{Choice, Error, ErrorKind, Trap, Wasi};
use polyextism_tests::{
    engines,
    wasi::{
        Arg::{self, At, From, Into, N, Path as P},
        Guest, OUT,
        errno::*,
        flags::*,
        folder,
    },
};

/// The allowed folder.
const DIR: i64 = 3;
/// The file `file` in it, open for reading and writing.
const FILE: i64 = 4;
/// The same, for reading only.
const READ_ONLY: i64 = 5;
/// A number that no descriptor has.
const NONE: i64 = 99;
/// A path for the guest.
const A: Arg<'_> = P(b"file");

type Case<'a> = (&'a str, &'a [Arg<'a>], i32);

/// A guest with the folder and the two files, and what it cannot do.
fn guest(choice: &Choice, test: &str) -> Guest {
    let name = format!("errnos-{test}-{}", choice.name().replace(':', "-"));
    let folder = folder(Path::new(env!("CARGO_TARGET_TMPDIR")), &name);
    let at = |name: &str| Path::new(&folder).join(name);
    fs::write(at("file"), "0123456789").expect("it can be written");
    fs::create_dir(at("sub")).expect("it can be made");
    fs::write(at("sub/other"), "").expect("it can be written");
    std::os::unix::fs::symlink("file", at("link")).expect("it can be made");
    let mut guest = Guest::new(choice, Wasi::default(), &[(&folder, "/dir")]);
    assert_eq!(guest.open(DIR, "file", 0, READ | WRITE), Ok(FILE));
    assert_eq!(guest.open(DIR, "file", 0, READ), Ok(READ_ONLY));
    guest
}

fn check(test: &str, cases: &[Case<'_>]) {
    for choice in engines() {
        let mut guest = guest(&choice, test);
        let mut wrong = Vec::new();
        for (name, args, errno) in cases {
            let found = guest.call(name, args).errno;
            if found != *errno {
                wrong.push(format!("{name} {args:?} is {found}, not {errno}"));
            }
        }
        assert!(wrong.is_empty(), "{choice:?}: {}", wrong.join("\n"));
    }
}

#[test]
fn clocks_arguments_and_processes() {
    check(
        "clocks",
        &[
            ("args_sizes_get", &[N(0), N(4)], SUCCESS),
            ("args_get", &[N(0), N(4)], SUCCESS),
            ("environ_sizes_get", &[N(0), N(4)], SUCCESS),
            ("environ_get", &[N(0), N(4)], SUCCESS),
            ("clock_res_get", &[N(0), N(0)], SUCCESS),
            ("clock_res_get", &[N(2), N(0)], BADF),
            ("clock_res_get", &[N(9), N(0)], INVAL),
            ("clock_time_get", &[N(1), N(0), N(0)], SUCCESS),
            ("clock_time_get", &[N(3), N(0), N(0)], BADF),
            ("clock_time_get", &[N(-1), N(0), N(0)], INVAL),
            ("proc_raise", &[N(9)], NOTSUP),
            ("proc_raise", &[N(200)], INVAL),
            ("random_get", &[N(0), N(0)], SUCCESS),
            ("random_get", &[N(8), N(4000)], SUCCESS),
            ("sched_yield", &[], SUCCESS),
            ("sock_accept", &[N(NONE), N(0), N(0)], BADF),
            ("sock_accept", &[N(FILE), N(0), N(0)], NOTSOCK),
            ("sock_recv", &[N(FILE), Into(4), N(0), N(0), N(8)], NOTSOCK),
            ("sock_send", &[N(FILE), From(b"x"), N(0), N(0)], NOTSOCK),
            ("sock_shutdown", &[N(FILE), N(1)], NOTSOCK),
            ("poll_oneoff", &[N(OUT.into()), N(0), N(0), N(512)], INVAL),
        ],
    );
}

#[test]
fn descriptors() {
    check(
        "descriptors",
        &[
            ("fd_advise", &[N(NONE), N(0), N(0), N(0)], BADF),
            ("fd_advise", &[N(DIR), N(0), N(0), N(0)], BADF),
            ("fd_advise", &[N(FILE), N(0), N(0), N(9)], INVAL),
            ("fd_advise", &[N(FILE), N(0), N(10), N(4)], SUCCESS),
            ("fd_allocate", &[N(NONE), N(0), N(1)], BADF),
            ("fd_allocate", &[N(FILE), N(0), N(100)], NOTSUP),
            ("fd_close", &[N(NONE)], BADF),
            ("fd_datasync", &[N(NONE)], BADF),
            ("fd_datasync", &[N(FILE)], SUCCESS),
            ("fd_sync", &[N(NONE)], BADF),
            ("fd_sync", &[N(FILE)], SUCCESS),
            ("fd_fdstat_get", &[N(NONE), N(0)], BADF),
            ("fd_fdstat_get", &[N(DIR), N(0)], SUCCESS),
            ("fd_fdstat_set_flags", &[N(NONE), N(0)], BADF),
            ("fd_fdstat_set_flags", &[N(FILE), N(1 << 4)], INVAL),
            ("fd_fdstat_set_flags", &[N(FILE), N(APPEND)], SUCCESS),
            ("fd_fdstat_set_flags", &[N(FILE), N(0)], SUCCESS),
            ("fd_filestat_get", &[N(NONE), N(0)], BADF),
            ("fd_filestat_get", &[N(0), N(0)], SUCCESS),
            ("fd_filestat_set_size", &[N(NONE), N(0)], BADF),
            ("fd_filestat_set_size", &[N(DIR), N(0)], BADF),
            ("fd_filestat_set_size", &[N(READ_ONLY), N(0)], INVAL),
            ("fd_filestat_set_size", &[N(FILE), N(-1)], INVAL),
            ("fd_filestat_set_size", &[N(FILE), N(10)], SUCCESS),
            ("fd_filestat_set_times", &[N(FILE), N(0), N(0), N(3)], INVAL),
            ("fd_filestat_set_times", &[N(NONE), N(0), N(0), N(5)], BADF),
            (
                "fd_filestat_set_times",
                &[N(FILE), N(7), N(7), N(5)],
                SUCCESS,
            ),
            ("fd_prestat_get", &[N(FILE), N(0)], BADF),
            ("fd_prestat_get", &[N(NONE), N(0)], BADF),
            ("fd_prestat_dir_name", &[N(DIR), N(0), N(2)], NAMETOOLONG),
            ("fd_prestat_dir_name", &[N(FILE), N(0), N(9)], NOTDIR),
            ("fd_seek", &[N(NONE), N(0), N(0), N(0)], BADF),
            ("fd_seek", &[N(DIR), N(0), N(0), N(0)], BADF),
            ("fd_seek", &[N(0), N(0), N(0), N(0)], SPIPE),
            ("fd_seek", &[N(FILE), N(-1), N(0), N(0)], INVAL),
            ("fd_seek", &[N(FILE), N(-11), N(2), N(0)], INVAL),
            ("fd_seek", &[N(FILE), N(0), N(3), N(0)], INVAL),
            ("fd_seek", &[N(FILE), N(i64::MAX), N(0), N(0)], SUCCESS),
            ("fd_seek", &[N(FILE), N(i64::MAX), N(1), N(0)], SUCCESS),
            ("fd_seek", &[N(FILE), N(i64::MAX), N(1), N(0)], INVAL),
            ("fd_read", &[N(FILE), Into(4), N(0)], INVAL),
            ("fd_seek", &[N(FILE), N(0), N(0), N(0)], SUCCESS),
            ("fd_tell", &[N(DIR), N(0)], BADF),
            ("fd_tell", &[N(2), N(0)], SPIPE),
        ],
    );
}

#[test]
fn reading_and_writing() {
    check(
        "reading",
        &[
            ("fd_read", &[N(NONE), Into(4), N(0)], BADF),
            ("fd_read", &[N(DIR), Into(4), N(0)], BADF),
            ("fd_read", &[N(1), Into(4), N(0)], BADF),
            ("fd_read", &[N(0), Into(4), N(0)], SUCCESS),
            ("fd_pread", &[N(0), Into(4), N(0), N(0)], SPIPE),
            ("fd_pread", &[N(FILE), Into(4), N(-1), N(0)], INVAL),
            ("fd_write", &[N(NONE), From(b"x"), N(0)], BADF),
            ("fd_write", &[N(0), From(b"x"), N(0)], BADF),
            ("fd_write", &[N(DIR), From(b"x"), N(0)], BADF),
            ("fd_write", &[N(READ_ONLY), From(b"x"), N(0)], BADF),
            ("fd_pwrite", &[N(1), From(b"x"), N(0), N(0)], SPIPE),
            ("fd_pwrite", &[N(FILE), From(b"x"), N(-1), N(0)], INVAL),
            ("fd_pwrite", &[N(FILE), From(b"x"), N(0), N(0)], SUCCESS),
            ("fd_readdir", &[N(NONE), N(256), N(100), N(0), N(0)], BADF),
            ("fd_readdir", &[N(FILE), N(256), N(100), N(0), N(0)], BADF),
            ("fd_readdir", &[N(DIR), N(256), N(100), N(0), N(0)], SUCCESS),
        ],
    );
}

#[test]
fn paths() {
    let invalid = P(b"\xff\xfe");
    let long = [b'x'; 300];
    let nul = P(b"fi\0le");
    check(
        "paths",
        &[
            ("path_create_directory", &[N(NONE), P(b"new")], BADF),
            ("path_create_directory", &[N(FILE), P(b"new")], BADF),
            ("path_create_directory", &[N(DIR), A], EXIST),
            ("path_create_directory", &[N(DIR), P(b"no/new")], NOENT),
            ("path_create_directory", &[N(DIR), P(b"file/new")], NOTDIR),
            ("path_create_directory", &[N(DIR), P(b"")], NOENT),
            ("path_create_directory", &[N(DIR), invalid], ILSEQ),
            ("path_create_directory", &[N(DIR), nul], INVAL),
            ("path_create_directory", &[N(DIR), P(&long)], NAMETOOLONG),
            ("path_filestat_get", &[N(NONE), N(0), A, N(0)], BADF),
            ("path_filestat_get", &[N(DIR), N(8), A, N(0)], INVAL),
            ("path_filestat_get", &[N(DIR), N(0), P(b"no"), N(0)], NOENT),
            ("path_filestat_get", &[N(DIR), N(0), invalid, N(0)], ILSEQ),
            ("path_filestat_get", &[N(DIR), N(0), P(b""), N(0)], NOENT),
            (
                "path_filestat_set_times",
                &[N(DIR), N(0), A, N(0), N(0), N(3)],
                INVAL,
            ),
            (
                "path_filestat_set_times",
                &[N(DIR), N(0), P(b"no"), N(0), N(0), N(5)],
                NOENT,
            ),
            ("path_link", &[N(DIR), N(1), A, N(DIR), P(b"new")], INVAL),
            ("path_link", &[N(DIR), N(0), A, N(DIR), P(b"sub")], EXIST),
            (
                "path_link",
                &[N(DIR), N(0), P(b"no"), N(DIR), P(b"new")],
                NOENT,
            ),
            (
                "path_link",
                &[N(DIR), N(0), P(b"sub"), N(DIR), P(b"new")],
                PERM,
            ),
            ("path_link", &[N(DIR), N(0), A, N(NONE), P(b"new")], BADF),
            ("path_readlink", &[N(DIR), A, N(0), N(9)], INVAL),
            ("path_readlink", &[N(DIR), P(b"no"), N(0), N(9)], NOENT),
            (
                "path_readlink",
                &[N(DIR), P(b"link"), N(0), N(9), N(64)],
                SUCCESS,
            ),
            (
                "path_readlink",
                &[N(DIR), P(b"link"), N(0), N(2), N(64)],
                SUCCESS,
            ),
            ("path_remove_directory", &[N(DIR), A], NOTDIR),
            ("path_remove_directory", &[N(DIR), P(b"sub")], NOTEMPTY),
            ("path_remove_directory", &[N(DIR), P(b"no")], NOENT),
            ("path_remove_directory", &[N(DIR), P(b"link")], NOTDIR),
            ("path_rename", &[N(DIR), P(b"no"), N(DIR), P(b"new")], NOENT),
            ("path_rename", &[N(DIR), P(b"sub"), N(DIR), A], NOTDIR),
            ("path_rename", &[N(DIR), A, N(DIR), P(b"sub")], ISDIR),
            (
                "path_rename",
                &[N(DIR), P(b"sub"), N(DIR), P(b"sub/x")],
                INVAL,
            ),
            ("path_rename", &[N(NONE), A, N(DIR), P(b"new")], BADF),
            ("path_symlink", &[P(b"x"), N(DIR), A], EXIST),
            ("path_symlink", &[P(b"x"), N(DIR), P(b"no/new")], NOENT),
            ("path_symlink", &[P(b""), N(DIR), P(b"new")], NOENT),
            ("path_symlink", &[invalid, N(DIR), P(b"new")], ILSEQ),
            ("path_unlink_file", &[N(DIR), P(b"sub")], ISDIR),
            ("path_unlink_file", &[N(DIR), P(b"no")], NOENT),
            ("path_unlink_file", &[N(DIR), P(b"file/")], NOTDIR),
            ("path_unlink_file", &[N(DIR), invalid], ILSEQ),
        ],
    );
}

#[test]
fn opening() {
    for choice in engines() {
        let mut guest = guest(&choice, "opening");
        for (path, oflags, rights, errno) in [
            ("no", 0, READ, NOENT),
            ("", 0, READ, NOENT),
            ("file/", 0, READ, NOTDIR),
            ("file/x", 0, READ, NOTDIR),
            ("file", DIRECTORY, READ, NOTDIR),
            ("file", CREAT | EXCL, WRITE, EXIST),
            ("new", CREAT | DIRECTORY, WRITE, INVAL),
            ("sub", 0, WRITE, ISDIR),
            ("sub", TRUNC, WRITE, ISDIR),
            ("fi\0le", 0, READ, INVAL),
        ] {
            let found = guest.open(DIR, path, oflags, rights);
            assert_eq!(found, Err(errno), "{choice:?}: {path:?} {oflags}");
        }
        assert_eq!(guest.open(FILE, "x", 0, READ), Err(NOTDIR));
        assert_eq!(guest.open(0, "x", 0, READ), Err(BADF));
        assert_eq!(guest.open(NONE, "x", 0, READ), Err(BADF));
        let nofollow = [N(DIR), N(0), P(b"link"), N(0), N(READ), N(0), N(0), N(0)];
        assert_eq!(guest.call("path_open", &nofollow).errno, LOOP);
        let sync = [N(DIR), N(0), A, N(0), N(READ), N(0), N(1 << 4), N(0)];
        assert_eq!(guest.call("path_open", &sync).errno, NOTSUP);
        let flags = [N(DIR), N(0), A, N(1 << 9), N(READ), N(0), N(0), N(0)];
        assert_eq!(guest.call("path_open", &flags).errno, INVAL);
    }
}

/// Reading, writing, seeking and truncating do what they say.
#[test]
fn a_file_is_a_file() {
    for choice in engines() {
        let mut guest = guest(&choice, "file");
        let read = |guest: &mut Guest, fd, length| {
            let answer = guest.call("fd_read", &[N(fd), Into(length), N(0)]);
            assert_eq!(answer.errno, SUCCESS);
            answer.memory[256..256 + answer.number(0) as usize].to_vec()
        };
        assert_eq!(read(&mut guest, FILE, 4), b"0123");
        let written = guest.call("fd_write", &[N(FILE), From(b"abc"), N(0)]);
        assert_eq!((written.errno, written.number(0)), (SUCCESS, 3));
        assert_eq!(guest.call("fd_tell", &[N(FILE), N(0)]).long(0), 7);
        assert_eq!(
            guest.call("fd_seek", &[N(FILE), N(-2), N(2), N(0)]).long(0),
            8
        );
        assert_eq!(read(&mut guest, FILE, 100), b"89");
        assert_eq!(read(&mut guest, FILE, 100), b"");
        let sized = guest.call("fd_filestat_set_size", &[N(FILE), N(12)]);
        assert_eq!(sized.errno, SUCCESS);
        assert_eq!(read(&mut guest, READ_ONLY, 100), b"0123abc789\0\0");
        let pread = guest.call("fd_pread", &[N(FILE), Into(3), N(4), N(0)]);
        assert_eq!((pread.number(0), &pread.memory[256..259]), (3, &b"abc"[..]));
        let stat = guest.call("fd_filestat_get", &[N(FILE), N(0)]);
        assert_eq!((stat.memory[16], stat.long(32)), (4, 12));
        let link = guest.call("path_readlink", &[N(DIR), P(b"link"), N(0), N(9), N(64)]);
        assert_eq!((link.number(64), &link.memory[..4]), (4, &b"file"[..]));
        let appended = [N(DIR), N(0), A, N(0), N(WRITE), N(0), N(APPEND), N(0)];
        let appended = guest.call("path_open", &appended);
        let fd = i64::from(appended.number(0));
        assert_eq!(
            guest
                .call("fd_pwrite", &[N(fd), From(b"!"), N(0), N(0)])
                .errno,
            SUCCESS
        );
        let stat = guest.call("fd_filestat_get", &[N(fd), N(0)]);
        assert_eq!(stat.long(32), 13);
    }
}

/// Lengths and numbers of vectors beyond the memory trap or are refused before anything is copied.
#[test]
fn lengths_beyond_all_bounds() {
    let trapped = |result: Result<_, Error>, what: &str| {
        let kind = result
            .map(|_: polyextism_tests::wasi::Answer| ())
            .expect_err(what)
            .kind();
        assert_eq!(kind, ErrorKind::Trap(Trap::MemoryOutOfBounds), "{what}");
    };
    for choice in engines() {
        let mut guest = guest(&choice, "lengths");
        let vector = |at: u32, length: u32| [at.to_le_bytes(), length.to_le_bytes()].concat();
        let huge = vector(0, u32::MAX);
        let late = vector(u32::MAX - 8, 16);
        for function in ["fd_read", "fd_write"] {
            let many = [N(FILE), N(0), N(-1), N(0)];
            assert_eq!(guest.call(function, &many).errno, NOMEM);
            assert_eq!(
                guest
                    .call(function, &[N(FILE), At(&huge), N(1), N(0)])
                    .errno,
                NOMEM
            );
            trapped(
                guest.try_call(function, &[N(FILE), N(1 << 17), N(1 << 20), N(0)]),
                "vectors up to beyond the memory",
            );
            trapped(
                guest.try_call(function, &[N(FILE), At(&late), N(1), N(0)]),
                "a buffer at the end of the address space",
            );
        }
        trapped(guest.try_call("random_get", &[N(16), N(-1)]), "randomness");
        let path = [N(DIR), N(0), N(0), N(-1), N(0), N(READ), N(0), N(0), N(0)];
        assert_eq!(guest.call("path_open", &path).errno, NOMEM);
        trapped(
            guest.try_call("path_unlink_file", &[N(DIR), N(8), N(-1)]),
            "a path",
        );
        trapped(
            guest.try_call("fd_readdir", &[N(DIR), N(262_140), N(-1), N(0), N(0)]),
            "a folder",
        );
        let polled = guest.call("poll_oneoff", &[N(0), N(0), N(-1), N(512)]);
        assert_eq!(polled.errno, NOMEM);
        // Nothing is left behind: the file is as it was and the guest goes on.
        let read = guest.call("fd_pread", &[N(FILE), Into(100), N(0), N(0)]);
        assert_eq!(&read.memory[256..266], b"0123456789");
    }
}
