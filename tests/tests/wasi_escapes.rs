//! Attempts of a guest to get out of the folders that it was given, on every engine: all refused,
//! with the same errno everywhere, and nothing outside is touched.

use std::{
    fs,
    os::unix::fs::{FileTypeExt, symlink},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use polyextism::{Choice, Wasi};
use polyextism_tests::{
    engines,
    site::{RO, RW, Site},
    wasi::{
        Arg::{self, From, Into, N, Path as P},
        Guest,
        errno::*,
        flags::*,
    },
};

fn on_every_engine(test: &str, run: impl Fn(&Site, &Choice, &mut Guest)) {
    for choice in engines() {
        let site = Site::new(Path::new(env!("CARGO_TARGET_TMPDIR")), test, &choice);
        let mut guest = site.guest(&choice);
        run(&site, &choice, &mut guest);
    }
}

fn is_refused(choice: &Choice, guest: &mut Guest, attempts: &[(&str, &[Arg<'_>], i32)]) {
    for (name, args, expected) in attempts {
        let errno = guest.call(name, args).errno;
        assert_eq!(errno, *expected, "{choice:?}: {name} {args:?}");
    }
}

/// Paths that lead outside, and what the guest is told. Where the first part of a path does not
/// exist the answer is that, which says nothing about the outside.
const OUT: &[(&str, i32)] = &[
    ("..", PERM),
    ("../secret", PERM),
    ("../outside/file", PERM),
    ("sub/../../secret", PERM),
    ("./.././secret", PERM),
    ("sub/../../rw/file", PERM),
    ("/etc/passwd", PERM),
    ("/", PERM),
    ("//etc/passwd", PERM),
    ("/proc/self/environ", PERM),
    ("link", PERM),
    ("folder-link/file", PERM),
    ("folder-link/../secret", PERM),
    ("absolute-link", PERM),
    ("root-link/etc/passwd", PERM),
    ("proc-link/etc/passwd", PERM),
    ("loop-a", LOOP),
    ("nothing/../../secret", NOENT),
    ("file/../../secret", NOTDIR),
];

#[test]
fn reading_outside() {
    on_every_engine("reading_outside", |_, choice, guest| {
        for place in [RW, RO] {
            for (path, errno) in OUT {
                let found = guest.open(place, path, 0, READ);
                assert_eq!(found, Err(*errno), "{choice:?}: open {path}");
                let path_of = P(path.as_bytes());
                let stat = guest.call("path_filestat_get", &[N(place), N(FOLLOW), path_of, N(0)]);
                assert_eq!(stat.errno, *errno, "{choice:?}: stat {path}");
            }
            assert!(guest.open(place, "inner-link", 0, READ).is_ok());
            assert!(guest.open(place, "sub/../file", 0, READ).is_ok());
        }
    });
}

#[test]
fn changing_outside() {
    on_every_engine("changing_outside", |site, choice, guest| {
        let before = [site.look("outside"), site.look("ro")];
        for (path, errno) in OUT {
            for (oflags, rights) in [(CREAT, WRITE), (CREAT | EXCL, WRITE), (TRUNC, WRITE)] {
                let found = guest.open(RW, path, oflags, rights);
                // A link is there already, whatever it points at.
                let exists = path.ends_with("link") || path.starts_with("loop");
                let expected = match oflags & EXCL != 0 && exists {
                    true => EXIST,
                    false => *errno,
                };
                assert_eq!(found, Err(expected), "{choice:?}: open {path} {oflags}");
            }
        }
        let secret = P(b"../secret");
        let through = P(b"folder-link/file");
        let absolute = P(b"/tmp/polyextism-escape");
        for path in [secret, through, absolute] {
            is_refused(
                choice,
                guest,
                &[
                    ("path_unlink_file", &[N(RW), path], PERM),
                    ("path_remove_directory", &[N(RW), path], PERM),
                    ("path_create_directory", &[N(RW), path], PERM),
                    ("path_symlink", &[P(b"file"), N(RW), path], PERM),
                    ("path_rename", &[N(RW), path, N(RW), P(b"x")], PERM),
                    ("path_rename", &[N(RW), P(b"file"), N(RW), path], PERM),
                    ("path_link", &[N(RW), N(0), path, N(RW), P(b"x")], PERM),
                    ("path_link", &[N(RW), N(0), P(b"file"), N(RW), path], PERM),
                    (
                        "path_filestat_set_times",
                        &[N(RW), N(FOLLOW), path, N(1), N(1), N(5)],
                        PERM,
                    ),
                    ("path_readlink", &[N(RW), path, N(0), N(9)], PERM),
                ],
            );
        }
        assert_eq!(
            before,
            [site.look("outside"), site.look("ro")],
            "{choice:?}"
        );
        assert_eq!(
            fs::read(site.0.join("secret")).expect("it is there"),
            b"secret"
        );
        assert!(!Path::new("/tmp/polyextism-escape").exists());
    });
}

#[test]
fn links_made_by_the_guest() {
    on_every_engine("links_made_by_the_guest", |site, choice, guest| {
        // An absolute target is refused; one that leads outside can be made, but leads nowhere.
        is_refused(
            choice,
            guest,
            &[
                ("path_symlink", &[P(b"/etc"), N(RW), P(b"made-a")], PERM),
                (
                    "path_symlink",
                    &[P(b"../secret"), N(RW), P(b"made-b")],
                    SUCCESS,
                ),
                (
                    "path_symlink",
                    &[P(b"../outside"), N(RW), P(b"made-c")],
                    SUCCESS,
                ),
                (
                    "path_symlink",
                    &[P(b"dangling"), N(RW), P(b"made-d")],
                    SUCCESS,
                ),
                ("path_symlink", &[P(b"sub"), N(RW), P(b"made-e")], SUCCESS),
                ("path_symlink", &[P(b"x"), N(RW), P(b"made-f/")], NOENT),
                ("path_symlink", &[P(b"x"), N(RW), P(b"file")], EXIST),
            ],
        );
        for (path, oflags, errno) in [
            ("made-b", 0, PERM),
            ("made-b/", 0, PERM),
            ("made-c/file", 0, PERM),
            ("made-c/", DIRECTORY, PERM),
            ("made-c/new", CREAT, PERM),
            ("made-d", 0, NOENT),
        ] {
            let rights = if oflags & CREAT != 0 { WRITE } else { READ };
            let found = guest.open(RW, path, oflags, rights);
            assert_eq!(found, Err(errno), "{choice:?}: {path}");
        }
        assert!(guest.open(RW, "made-e/", DIRECTORY, READ).is_ok());
        // Through a dangling link a file can be made inside only.
        assert!(guest.open(RW, "made-d", CREAT, WRITE).is_ok());
        assert!(site.0.join("rw/dangling").is_file());
        // Removing a link with a slash at its end does not remove what it points at.
        for path in [&b"made-c/"[..], b"made-e/"] {
            let errno = guest.call("path_unlink_file", &[N(RW), P(path)]).errno;
            assert_ne!(errno, SUCCESS, "{choice:?}");
        }
        let errno = guest
            .call("path_remove_directory", &[N(RW), P(b"made-c/")])
            .errno;
        assert_ne!(errno, SUCCESS, "{choice:?}");
        assert!(site.0.join("outside/file").is_file() && site.0.join("rw/sub").is_dir());
    });
}

#[test]
fn a_read_only_folder_stays_as_it_is() {
    on_every_engine("a_read_only_folder", |site, choice, guest| {
        let before = site.look("ro");
        for (path, oflags, rights) in [
            ("file", 0, WRITE),
            ("file", 0, READ | WRITE),
            ("file", TRUNC, READ),
            ("file", TRUNC, WRITE),
            ("new", CREAT, READ),
            ("new", CREAT | EXCL, WRITE),
            ("sub/new", CREAT, WRITE),
        ] {
            let found = guest.open(RO, path, oflags, rights);
            assert_eq!(found, Err(PERM), "{choice:?}: {path} {oflags} {rights}");
        }
        let file = P(b"file");
        is_refused(
            choice,
            guest,
            &[
                ("path_create_directory", &[N(RO), P(b"new")], PERM),
                ("path_remove_directory", &[N(RO), P(b"sub")], PERM),
                ("path_unlink_file", &[N(RO), file], PERM),
                ("path_symlink", &[file, N(RO), P(b"new")], PERM),
                ("path_rename", &[N(RO), file, N(RO), P(b"new")], PERM),
                ("path_rename", &[N(RO), file, N(RW), P(b"new")], PERM),
                ("path_rename", &[N(RW), file, N(RO), P(b"new")], PERM),
                ("path_link", &[N(RO), N(0), file, N(RO), P(b"new")], PERM),
                ("path_link", &[N(RO), N(0), file, N(RW), P(b"new")], PERM),
                ("path_link", &[N(RW), N(0), file, N(RO), P(b"new")], PERM),
                (
                    "path_filestat_set_times",
                    &[N(RO), N(0), file, N(1), N(1), N(5)],
                    PERM,
                ),
                ("fd_filestat_set_times", &[N(RO), N(1), N(1), N(5)], PERM),
            ],
        );
        // Neither do descriptors of what lies in it allow more than the folder does.
        let file = guest.open(RO, "file", 0, READ).expect("it can be read");
        let sub = guest
            .open(RO, "sub", DIRECTORY, READ)
            .expect("it is a folder");
        is_refused(
            choice,
            guest,
            &[
                ("fd_write", &[N(file), From(b"x"), N(0)], BADF),
                ("fd_pwrite", &[N(file), From(b"x"), N(0), N(0)], BADF),
                ("fd_filestat_set_size", &[N(file), N(0)], PERM),
                ("fd_filestat_set_times", &[N(file), N(1), N(1), N(5)], PERM),
                ("fd_allocate", &[N(file), N(0), N(100)], NOTSUP),
                ("path_unlink_file", &[N(sub), P(b"file")], PERM),
                ("path_create_directory", &[N(sub), P(b"new")], PERM),
                ("fd_filestat_set_times", &[N(sub), N(1), N(1), N(5)], PERM),
            ],
        );
        assert_eq!(guest.open(sub, "file", 0, WRITE), Err(PERM));
        assert_eq!(guest.open(sub, "..", DIRECTORY, READ), Err(PERM));
        // Nor does a flag that is set later.
        guest.call("fd_fdstat_set_flags", &[N(file), N(APPEND)]);
        is_refused(
            choice,
            guest,
            &[("fd_write", &[N(file), From(b"x"), N(0)], BADF)],
        );
        assert_eq!(before, site.look("ro"), "{choice:?}");
    });
}

#[test]
fn renumbering_gives_no_rights() {
    on_every_engine("renumbering", |site, choice, guest| {
        let before = site.look("ro");
        // The read-only folder in the place of the other keeps its own rights.
        is_refused(
            choice,
            guest,
            &[
                ("fd_renumber", &[N(RO), N(RW)], SUCCESS),
                ("path_create_directory", &[N(RW), P(b"new")], PERM),
                ("path_create_directory", &[N(RO), P(b"new")], BADF),
                ("fd_renumber", &[N(RO), N(RW)], BADF),
                ("fd_renumber", &[N(RW), N(RW)], SUCCESS),
                ("fd_renumber", &[N(RW), N(99)], BADF),
                ("fd_renumber", &[N(RW), N(-1)], BADF),
                ("fd_renumber", &[N(RW), N(1)], SUCCESS),
                ("path_create_directory", &[N(1), P(b"new")], PERM),
                ("fd_write", &[N(1), From(b"x"), N(0)], BADF),
                ("path_unlink_file", &[N(1), P(b"file")], PERM),
            ],
        );
        assert_eq!(guest.open(1, "../secret", 0, READ), Err(PERM));
        assert_eq!(before, site.look("ro"), "{choice:?}");
    });
}

/// Another thread swaps a file and a link that leads outside as fast as it can; the guest must see
/// the file or an error, never the secret.
#[test]
fn a_link_swapped_during_the_call() {
    on_every_engine("swapped_link", |site, choice, guest| {
        let at = |name: &str| site.0.join("rw").join(name);
        fs::write(at("sub/secret"), "public").expect("it can be written");
        symlink("..", at("evil")).expect("it can be made");
        fs::create_dir(at("swapped")).expect("it can be made");
        fs::write(at("swapped/secret"), "public").expect("it can be written");
        let stop = Arc::new(AtomicBool::new(false));
        let swapper = {
            let (stop, swapped, evil) = (stop.clone(), at("swapped"), at("evil"));
            let aside = at("aside");
            thread::spawn(move || {
                let mut swaps = 0_u32;
                while !stop.load(Ordering::Relaxed) {
                    for (from, to) in [
                        (&swapped, &aside),
                        (&evil, &swapped),
                        (&swapped, &evil),
                        (&aside, &swapped),
                    ] {
                        fs::rename(from, to).expect("it can be renamed");
                    }
                    swaps += 1;
                }
                swaps
            })
        };
        let (mut opened, mut refused) = (0, 0);
        let patience = Instant::now() + Duration::from_secs(60);
        while (opened < 1000 || refused < 1000) && Instant::now() < patience {
            match guest.open(RW, "swapped/secret", 0, READ) {
                Ok(file) => {
                    let read = guest.call("fd_read", &[N(file), Into(16), N(0)]);
                    let text = &read.memory[256..256 + read.number(0) as usize];
                    assert_eq!(text, b"public", "{choice:?}");
                    guest.call("fd_close", &[N(file)]);
                    opened += 1;
                }
                Err(errno) => {
                    // Not there at the moment, a link outside, or too many renames at a time.
                    assert!([NOENT, PERM, AGAIN].contains(&errno), "{choice:?}: {errno}");
                    refused += 1;
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
        let swaps = swapper.join().expect("the thread ends");
        assert!(
            opened > 0 && refused > 0 && swaps > 0,
            "{opened} {refused} {swaps}"
        );
    });
}

const AGAIN: i32 = 6;

/// To open a pipe, or to read from a device, may take for ever: neither is opened at all.
#[test]
fn what_is_no_file_is_not_opened() {
    on_every_engine("no_file", |site, choice, guest| {
        let fifo = site.0.join("rw/fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.expect("mkfifo runs").success());
        assert!(
            fs::metadata(&fifo)
                .expect("it is there")
                .file_type()
                .is_fifo()
        );
        symlink("fifo", site.0.join("rw/to-fifo")).expect("it can be made");
        let socket = site.0.join("rw/socket");
        let _socket = std::os::unix::net::UnixListener::bind(&socket);
        for path in ["fifo", "to-fifo", "sub/../fifo"] {
            for (oflags, rights) in [(0, READ), (0, WRITE), (CREAT, WRITE), (TRUNC, WRITE)] {
                let found = guest.open(RW, path, oflags, rights);
                assert_eq!(found, Err(NOTSUP), "{choice:?}: {path} {oflags}");
            }
            let found = guest.open(RW, path, DIRECTORY, READ);
            assert_eq!(found, Err(NOTSUP), "{choice:?}: {path}");
            let found = guest.open(RW, path, CREAT | EXCL, WRITE);
            assert_eq!(found, Err(EXIST), "{choice:?}: {path}");
        }
        let stat = guest.call("path_filestat_get", &[N(RW), N(0), P(b"fifo"), N(0)]);
        assert_eq!((stat.errno, stat.memory[16]), (SUCCESS, 0), "{choice:?}");

        let mut devices = Guest::new(choice, Wasi::default(), &[("/dev", "/dev")]);
        for path in ["zero", "null", "tty", "random"] {
            let found = devices.open(3, path, 0, READ);
            assert!(
                matches!(found, Err(NOTSUP | NOENT)),
                "{choice:?}: {path} {found:?}"
            );
        }
        let mut process = Guest::new(choice, Wasi::default(), &[("/proc/self", "/p")]);
        for path in ["root/etc/passwd", "cwd/x", "fd/0", "exe"] {
            let found = process.open(3, path, 0, READ);
            assert!(
                matches!(found, Err(PERM | LOOP | NOENT | NOTDIR)),
                "{choice:?}: {path} {found:?}"
            );
        }
    });
}
