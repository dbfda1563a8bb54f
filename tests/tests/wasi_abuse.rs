//! What a guest can do to the host by WASI alone: nothing leaks, nothing grows without end, nothing
//! is there that was not granted.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use polyextism::{Choice, Clock, ErrorKind, Output, Wasi};
use polyextism_tests::{
    engines,
    wasi::{
        Arg::{At, From, Into, N, Path as P},
        Guest,
        errno::*,
        flags::*,
        folder,
    },
};

const DIR: i64 = 3;

/// A guest with a folder that has the file `a`.
fn guest(choice: &Choice, test: &str, wasi: Wasi) -> (Guest, String) {
    let name = format!("abuse-{test}-{}", choice.name().replace(':', "-"));
    let folder = folder(Path::new(env!("CARGO_TARGET_TMPDIR")), &name);
    fs::write(Path::new(&folder).join("a"), "0123456789").expect("it can be written");
    (Guest::new(choice, wasi, &[(&folder, "/dir")]), folder)
}

/// The descriptors of this process that lead into the folders of a test.
fn held(test: &str) -> usize {
    let entries = fs::read_dir("/proc/self/fd").expect("there is such a folder");
    let target = |entry: fs::DirEntry| fs::read_link(entry.path()).unwrap_or_default();
    let targets = entries.map(|entry| target(entry.expect("it can be read")));
    let name = format!("abuse-{test}-");
    targets
        .filter(|target| target.to_string_lossy().contains(&name))
        .count()
}

#[test]
fn a_million_opens() {
    for choice in engines() {
        let wasi = Wasi::default().with_max_descriptors(100);
        let (mut guest, _) = guest(&choice, "opens", wasi);
        let open = [N(DIR), N(0), P(b"a"), N(0), N(READ), N(0), N(0), N(0)];
        let answer = guest
            .repeat("path_open", &open, 1_000_000)
            .expect("an errno");
        // Three streams, the folder, and 96 files; the next one is too many.
        assert_eq!((answer.errno, answer.calls), (MFILE, 97), "{choice:?}");
        assert_eq!(held("opens"), 97, "{choice:?}");
        // Each way to close one makes room for exactly one.
        let one_more = |guest: &mut Guest| {
            let answer = guest
                .repeat("path_open", &open, 1_000_000)
                .expect("an errno");
            assert_eq!((answer.errno, answer.calls), (MFILE, 2), "{choice:?}");
        };
        assert_eq!(guest.call("fd_close", &[N(40)]).errno, SUCCESS);
        one_more(&mut guest);
        assert_eq!(guest.call("fd_renumber", &[N(41), N(42)]).errno, SUCCESS);
        one_more(&mut guest);
        assert_eq!(guest.call("fd_close", &[N(1)]).errno, SUCCESS);
        one_more(&mut guest);
        // What closes nothing makes no room.
        assert_eq!(guest.call("fd_close", &[N(999)]).errno, BADF);
        assert_eq!(guest.call("fd_renumber", &[N(50), N(50)]).errno, SUCCESS);
        assert_eq!(guest.call("fd_renumber", &[N(50), N(999)]).errno, BADF);
        let answer = guest.repeat("path_open", &open, 10).expect("an errno");
        assert_eq!((answer.errno, answer.calls), (MFILE, 1), "{choice:?}");
        drop(guest);
        assert_eq!(held("opens"), 0, "{choice:?}");
    }
}

#[test]
fn a_result_without_a_place_opens_nothing() {
    for choice in engines() {
        let (mut guest, _) = guest(&choice, "result", Wasi::default());
        for _ in 0..10 {
            let open = [N(DIR), N(0), P(b"a"), N(0), N(READ), N(0), N(0), N(1 << 30)];
            let kind = guest
                .try_call("path_open", &open)
                .expect_err("a trap")
                .kind();
            assert_eq!(kind.name(), "trap", "{choice:?}");
        }
        assert_eq!(held("result"), 1, "{choice:?}");
    }
}

/// A million times in all: each opens a file, which takes the system longer than any of the rest.
#[test]
fn a_million_times_renumbered() {
    let engines = engines();
    let times = 1_000_000_u32.div_ceil(engines.len() as u32);
    for choice in engines {
        let (mut guest, _) = guest(&choice, "renumbered", Wasi::default());
        let answer = guest.repeat("renumber", &[], times).expect("an errno");
        assert_eq!((answer.errno, answer.calls), (SUCCESS, times), "{choice:?}");
        assert_eq!(held("renumbered"), 2, "{choice:?}");
        // The last number is the next that is free.
        assert_eq!(guest.open(DIR, "a", 0, READ), Ok(5), "{choice:?}");
    }
}

#[test]
fn ten_thousand_instances() {
    for choice in engines() {
        let name = format!("abuse-instances-{}", choice.name().replace(':', "-"));
        let folder = folder(Path::new(env!("CARGO_TARGET_TMPDIR")), &name);
        fs::write(Path::new(&folder).join("a"), "").expect("it can be written");
        let compiled = Guest::compile(&choice, Wasi::default(), &[(&folder, "/dir")]);
        let compiled = compiled.expect("the guest compiles");
        for _ in 0..10_000 {
            let mut guest = Guest::of(&compiled);
            assert_eq!(guest.open(DIR, "a", 0, READ), Ok(4), "{choice:?}");
        }
        assert_eq!(held("instances"), 0, "{choice:?}");
    }
}

/// The first number after the descriptors of the folders is the first that is not open.
#[test]
fn nothing_is_inherited() {
    for choice in engines() {
        let mut guest = Guest::new(&choice, Wasi::default(), &[]);
        for sizes in ["args_sizes_get", "environ_sizes_get"] {
            assert_eq!(
                guest.call(sizes, &[N(0), N(4)]).long(0),
                0,
                "{choice:?}: {sizes}"
            );
        }
        let read = guest.call("fd_read", &[N(0), Into(100), N(0)]);
        assert_eq!((read.errno, read.number(0)), (SUCCESS, 0), "{choice:?}");
        for descriptor in 3..100 {
            let found = guest.call("fd_fdstat_get", &[N(descriptor), N(0)]).errno;
            assert_eq!(found, BADF, "{choice:?}: {descriptor}");
        }
        // No descriptor stands for the folder that the process is in.
        for descriptor in [0, 1, 2, -1, -100] {
            assert_eq!(
                guest.open(descriptor, ".", 0, READ),
                Err(BADF),
                "{choice:?}"
            );
        }
    }
}

#[test]
fn times_beyond_all_bounds() {
    for choice in engines() {
        let (mut guest, folder) = guest(&choice, "times", Wasi::default());
        for time in [0, 1, i64::MAX, -1] {
            let set = [N(DIR), N(0), P(b"a"), N(time), N(time), N(5)];
            let set = guest.call("path_filestat_set_times", &set).errno;
            assert!(
                [SUCCESS, INVAL, OVERFLOW].contains(&set),
                "{choice:?}: {time} {set}"
            );
            let stat = guest.call("path_filestat_get", &[N(DIR), N(0), P(b"a"), N(0)]);
            assert_eq!(stat.errno, SUCCESS, "{choice:?}: {time}");
        }
        let file = fs::File::options()
            .write(true)
            .open(Path::new(&folder).join("a"));
        let file = file.expect("it is there");
        let year = Duration::from_secs(366 * 24 * 3600);
        for time in [
            SystemTime::UNIX_EPOCH - 100 * year,
            SystemTime::UNIX_EPOCH + 1000 * year,
        ] {
            if file.set_modified(time).is_err() {
                continue;
            }
            let stat = guest.call("path_filestat_get", &[N(DIR), N(0), P(b"a"), N(0)]);
            assert!(
                [SUCCESS, OVERFLOW].contains(&stat.errno),
                "{choice:?}: {time:?}"
            );
            assert_eq!(
                guest.open(DIR, "a", 0, READ).map(|_| ()),
                Ok(()),
                "{choice:?}"
            );
        }
    }
}

#[test]
fn reading_a_folder_from_anywhere() {
    for choice in engines() {
        let (mut guest, folder) = guest(&choice, "readdir", Wasi::default());
        let read = |guest: &mut Guest, length: i64, cookie: i64| {
            let args = [N(DIR), N(256), N(length), N(cookie), N(0)];
            let answer = guest.call("fd_readdir", &args);
            (answer.errno, answer.number(0))
        };
        // `.`, `..` and `a`, of 24 bytes each and their names.
        assert_eq!(read(&mut guest, 4000, 0), (SUCCESS, 76), "{choice:?}");
        assert_eq!(read(&mut guest, 4000, 2), (SUCCESS, 25), "{choice:?}");
        assert_eq!(read(&mut guest, 30, 0), (SUCCESS, 30), "{choice:?}");
        assert_eq!(read(&mut guest, 0, 0), (SUCCESS, 0), "{choice:?}");
        for cookie in [3, 4, 1 << 32, i64::MAX, -1] {
            assert_eq!(
                read(&mut guest, 4000, cookie),
                (SUCCESS, 0),
                "{choice:?}: {cookie}"
            );
        }
        // WASI has no name for a file whose name is not UTF-8: the guest is told so.
        let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff\xfe");
        fs::write(Path::new(&folder).join(name), "").expect("it can be written");
        assert_eq!(read(&mut guest, 4000, 0).0, ILSEQ, "{choice:?}");
    }
}

/// A wait is the library's in a future, where a deadline can end it; the library's own shortcut, a
/// sleep of the thread, says that one byte is ready.
#[test]
fn waiting_is_a_future() {
    for choice in engines() {
        let (mut guest, _) = guest(&choice, "waiting", Wasi::default());
        let mut subscription = vec![0; 48];
        subscription[16] = 1;
        subscription[24..32].copy_from_slice(&20_000_000_u64.to_le_bytes());
        let wait = [At(&subscription), N(256), N(1), N(0)];
        // The first call of all: the folders must be there afterwards.
        let before = Instant::now();
        let answer = guest.call("poll_oneoff", &wait);
        assert_eq!((answer.errno, answer.number(0)), (SUCCESS, 1), "{choice:?}");
        assert!(before.elapsed() >= Duration::from_millis(20), "{choice:?}");
        assert_eq!(answer.long(256 + 16), 0, "{choice:?}: the thread slept");
        let file = guest.open(DIR, "a", 0, READ | WRITE).expect("it is there");
        // A file is ready at once, long before the time that is waited for beside it.
        subscription[24..32].copy_from_slice(&u64::MAX.to_le_bytes());
        let mut both = subscription.clone();
        both.extend_from_slice(&[0; 48]);
        both[48] = 7;
        both[56] = 1;
        both[64] = file as u8;
        let answer = guest.call("poll_oneoff", &[At(&both), N(256), N(2), N(0)]);
        assert_eq!((answer.errno, answer.number(0)), (SUCCESS, 1), "{choice:?}");
        assert_eq!(answer.long(256), 7, "{choice:?}");
        let read = guest.call("fd_read", &[N(file), Into(100), N(0)]);
        assert_eq!(read.number(0), 10, "{choice:?}");
        both[16] = 9;
        let answer = guest.call("poll_oneoff", &[At(&both), N(256), N(2), N(0)]);
        assert_eq!(answer.errno, INVAL, "{choice:?}");
    }
}

/// The same seed and clock show the same to every engine.
#[test]
fn fixed_runs_are_equal() {
    let look = |choice: &Choice, seed| {
        let wasi = Wasi::default().with_clock(Clock::Fixed(1)).with_seed(seed);
        let mut guest = Guest::new(choice, wasi, &[]);
        let random = guest.call("random_get", &[N(0), N(100)]).memory[..100].to_vec();
        let time = guest.call("clock_time_get", &[N(0), N(0), N(0)]).long(0);
        (random, time)
    };
    let first = &engines()[0];
    let expected = look(first, Some(1));
    assert_ne!(look(first, Some(2)).0, expected.0);
    assert_ne!(look(first, None).0, look(first, None).0);
    for choice in engines() {
        assert_eq!(look(&choice, Some(1)), expected, "{choice:?}");
    }
}

#[test]
fn output_beyond_the_limit() {
    for choice in engines() {
        let wasi = Wasi::default().with_stdout(Output::CAPTURE);
        let mut guest = Guest::new(&choice, wasi, &[]);
        let text = [b'x'; 1000];
        let write = [N(1), From(&text), N(0)];
        let answer = guest.repeat("fd_write", &write, 2000).expect("an errno");
        assert_eq!((answer.errno, answer.calls), (IO, 1049), "{choice:?}");
        assert_eq!(guest.plugin().stdout().len(), 1 << 20, "{choice:?}");
        assert_eq!(guest.plugin().stderr(), b"", "{choice:?}");
    }
}

#[test]
fn texts_that_no_guest_can_read() {
    for choice in engines() {
        for (name, value) in [("", "x"), ("A=B", "x"), ("A\0", "x"), ("A", "\0")] {
            let wasi = Wasi::default().with_env(vec![(name.into(), value.into())]);
            let error = Guest::compile(&choice, wasi, &[]).expect_err("it is refused");
            assert_eq!(
                error.kind(),
                ErrorKind::Argument,
                "{choice:?}: {name:?} {error}"
            );
        }
    }
}
