//! Folders that guests read in pieces, on every engine: however large the folder and however small the pieces,
//! it is looked at once, and what is read is that look.

#![cfg(unix)]

use std::{collections::BTreeSet, fs, path::Path};

use polyextism::{Choice, Wasi};
use polyextism_tests::{
    engines,
    wasi::{
        Arg::N,
        Guest,
        errno::{BADF, SUCCESS},
        flags::{DIRECTORY, READ},
        folder,
    },
};

const DIR: i64 = 3;
/// Where the guest wants the entries, and the number of their bytes.
const BUFFER: i64 = 256;

/// The folder with so many files, and a folder `sub` in it with the file `inner`.
fn filled(test: &str, files: u32) -> String {
    let folder = folder(
        Path::new(env!("CARGO_TARGET_TMPDIR")),
        &format!("folders-{test}"),
    );
    for number in 0..files {
        fs::write(format!("{folder}/file-{number}"), "").expect("it can be written");
    }
    fs::create_dir(format!("{folder}/sub")).expect("it can be made");
    fs::write(format!("{folder}/sub/inner"), "").expect("it can be written");
    folder
}

fn guest(choice: &Choice, folder: &str) -> Guest {
    Guest::new(choice, Wasi::default(), &[(folder, "/dir")])
}

/// One piece: the whole names in it, the cookie after the last of them, and whether it was the last piece.
fn piece(guest: &mut Guest, descriptor: i64, length: u32, cookie: u64) -> (Vec<String>, u64, bool) {
    let args = [
        N(descriptor),
        N(BUFFER),
        N(length.into()),
        N(cookie as i64),
        N(0),
    ];
    let answer = guest.call("fd_readdir", &args);
    assert_eq!(answer.errno, SUCCESS);
    let used = answer.number(0) as usize;
    assert!(used <= length as usize);
    let bytes = &answer.memory[BUFFER as usize..][..used];
    let (mut names, mut next, mut at) = (Vec::new(), cookie, 0);
    while let Some(head) = bytes.get(at..at + 24) {
        let number = |from: usize| u32::from_le_bytes(head[from..from + 4].try_into().expect("4"));
        let Some(name) = bytes.get(at + 24..at + 24 + number(16) as usize) else {
            break;
        };
        next += 1;
        assert_eq!(u64::from(number(0)), next, "cookies are numbers");
        names.push(String::from_utf8(name.to_vec()).expect("names are text"));
        at += 24 + name.len();
    }
    (names, next, used < length as usize)
}

/// All names from a cookie on, in pieces.
fn rest(guest: &mut Guest, descriptor: i64, length: u32, mut cookie: u64) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let (names, next, last) = piece(guest, descriptor, length, cookie);
        all.extend(names);
        if last {
            return all;
        }
        assert!(next > cookie, "no name fits into {length} bytes");
        cookie = next;
    }
}

/// If each piece cost a look at the folder, these would be a hundred million looks.
#[test]
fn a_large_folder_in_small_pieces() {
    const FILES: u32 = 20_000;
    let folder = filled("large", FILES);
    let mut expected: BTreeSet<_> = (0..FILES).map(|n| format!("file-{n}")).collect();
    expected.extend([".", "..", "sub"].map(str::to_owned));
    for choice in engines() {
        let mut guest = guest(&choice, &folder);
        let names = rest(&mut guest, DIR, 130, 0);
        assert_eq!(names.len(), expected.len(), "{choice:?}");
        assert_eq!(BTreeSet::from_iter(names), expected, "{choice:?}");
    }
}

#[test]
fn what_is_read_is_one_look() {
    for choice in engines() {
        let folder = filled("look", 50);
        let mut guest = guest(&choice, &folder);
        let whole = rest(&mut guest, DIR, 3700, 0);
        assert_eq!(whole.len(), 53, "{choice:?}");
        let (first, next, last) = piece(&mut guest, DIR, 300, 0);
        assert!(!last, "{choice:?}");
        for number in 0..50 {
            fs::remove_file(format!("{folder}/file-{number}")).expect("it is there");
        }
        // Another folder in between, and a cookie of the past.
        let sub = guest.open(DIR, "sub", DIRECTORY, READ).expect("a folder");
        assert_eq!(piece(&mut guest, sub, 60, 0).0, [".", ".."], "{choice:?}");
        let (again, end, _) = piece(&mut guest, DIR, 300, 1);
        assert_eq!(again, whole[1..end as usize], "{choice:?}");
        let mut names = first;
        names.extend(rest(&mut guest, DIR, 300, next));
        assert_eq!(names, whole, "{choice:?}");
        // From the start it is another look.
        assert_eq!(rest(&mut guest, DIR, 300, 0), [".", "..", "sub"]);
        assert_eq!(piece(&mut guest, sub, 60, 2).0, ["inner"], "{choice:?}");
    }
}

/// A number that means another folder has nothing of the one before.
#[test]
fn numbers_that_mean_something_else() {
    for choice in engines() {
        let folder = filled("numbers", 3);
        let mut guest = guest(&choice, &folder);
        let open = |guest: &mut Guest, path| {
            let opened = guest.open(DIR, path, DIRECTORY, READ);
            opened.unwrap_or_else(|errno| panic!("{choice:?} {path}: {errno}"))
        };
        let begin = |guest: &mut Guest, descriptor| {
            let (names, next, last) = piece(guest, descriptor, 60, 0);
            assert_eq!((names.len(), next, last), (2, 2, false), "{choice:?}");
        };
        let first = open(&mut guest, ".");
        begin(&mut guest, first);
        assert_eq!(guest.call("fd_close", &[N(first)]).errno, SUCCESS);
        let read = [N(first), N(BUFFER), N(60), N(2), N(0)];
        assert_eq!(guest.call("fd_readdir", &read).errno, BADF, "{choice:?}");
        assert_eq!(open(&mut guest, "sub"), first, "{choice:?}");
        assert_eq!(rest(&mut guest, first, 60, 2), ["inner"], "{choice:?}");

        let second = open(&mut guest, ".");
        begin(&mut guest, first);
        begin(&mut guest, second);
        let renumbered = guest.call("fd_renumber", &[N(first), N(second)]);
        assert_eq!(renumbered.errno, SUCCESS, "{choice:?}");
        assert_eq!(guest.call("fd_readdir", &read).errno, BADF, "{choice:?}");
        assert_eq!(rest(&mut guest, second, 60, 2), ["inner"], "{choice:?}");
    }
}
