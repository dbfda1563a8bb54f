//! The compile cache: it changes nothing but the time, and no state of it is an error.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, SystemTime},
};

use polyextism::{
    Bounds, CachePlace, Manifest, Options, Plugin,
    manifest::{Source, Wasm},
};
use polyextism_tests::{
    cached::{
        Cached,
        Expected::{Exactly, Nothing, Something},
        GUEST, alone, expect, files, options, single,
    },
    engines,
};

/// A command, so it is written anew to start afresh on every call.
const COMMAND: &str = r#"
(module
  (global $calls (mut i32) (i32.const 0))
  (func (export "_start"))
  (func (export "count") (result i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (global.get $calls)))
"#;

const CALLER: &str = r#"
(module
  (import "command" "count" (func $count (result i32)))
  (import "twin" "trap" (func $trap))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "answer") (result i32) (i32.add (call $count) (call $count)))
  (func (export "trap") (call $trap)))
"#;

fn named(name: &str, text: &str) -> Wasm {
    Wasm {
        name: Some(name.to_owned()),
        ..Wasm::from(Source::Data(text.into()))
    }
}

/// Several modules, two of which are the same.
fn several() -> Manifest {
    Manifest {
        wasm: vec![
            named("command", COMMAND),
            named("twin", GUEST),
            named("brother", GUEST),
            named("main", CALLER),
        ],
        ..Manifest::default()
    }
}

/// What the calls of a plug-in end with.
fn behaviour(mut plugin: Plugin) -> Vec<String> {
    let mut calls = ["answer", "trap", "answer"].into_iter();
    let mut found = Vec::new();
    found.extend(calls.by_ref().map(|name| match plugin.call(name, b"") {
        Ok(output) => format!("{name}: {}", String::from_utf8_lossy(output)),
        Err(error) => format!("{name}: {error} {:?}", error.backtrace()),
    }));
    found
}

#[test]
fn the_cache_of_the_user_is_left_alone() {
    let _alone = alone();
    let value = std::env::var_os("EXTISM_CACHE_DIR");
    assert_eq!(value, Some("".into()), "see .cargo/config.toml");
}

#[test]
fn code_from_the_cache_behaves_the_same() {
    let _alone = alone();
    for choice in engines() {
        for (manifest, all, twice) in [(single(), 2, 0), (several(), 5, 1)] {
            let cached = Cached::default();
            let off = choice.compile(&manifest, &options()).expect("it is valid");
            let expected = behaviour(Plugin::new(&off).expect("it starts"));
            assert!(expected[1].contains("trap"), "{choice:?}: {expected:?}");
            assert!(expected[1].contains("fails"), "{choice:?}: {expected:?}");
            assert_eq!(off.newly_compiled(), all, "{choice:?}");
            drop(off);
            // Of equal modules only one can come from the cache: they are told apart by their code.
            for (round, compiled) in [("cold", all), ("warm", twice), ("again", twice)] {
                let made = cached.compile(&choice, &manifest, &options());
                let made = made.expect("it is valid");
                assert_eq!(made.newly_compiled(), compiled, "{choice:?} {round}");
                let found = behaviour(Plugin::new(&made).expect("it starts"));
                assert_eq!(found, expected, "{choice:?} {round}");
                assert_eq!(cached.files().len(), all - twice, "{choice:?} {round}");
            }
        }
    }
}

#[test]
fn code_in_use_is_shared_by_this_process() {
    let _alone = alone();
    for choice in engines() {
        let first = choice.compile(&single(), &options()).expect("it is valid");
        assert_eq!(first.newly_compiled(), 2, "{choice:?}");
        let expected = behaviour(Plugin::new(&first).expect("it starts"));
        let second = choice.compile(&single(), &options()).expect("it is valid");
        assert_eq!(second.newly_compiled(), 0, "{choice:?}");
        drop(first);
        let third = choice.compile(&single(), &options()).expect("it is valid");
        assert_eq!(third.newly_compiled(), 0, "{choice:?}");
        for made in [second, third] {
            let found = behaviour(Plugin::new(&made).expect("it starts"));
            assert_eq!(found, expected, "{choice:?}");
        }
        // Nothing holds it any more.
        let last = choice.compile(&single(), &options()).expect("it is valid");
        assert_eq!(last.newly_compiled(), 2, "{choice:?}");
    }
}

/// What is done to the bytes of a file.
struct Damage(&'static str, fn(&mut Vec<u8>));

const DAMAGES: &[Damage] = &[
    Damage("empty", Vec::clear),
    Damage("one byte", |bytes| bytes.truncate(1)),
    Damage("half", |bytes| bytes.truncate(bytes.len() / 2)),
    Damage("without the last byte", |bytes| _ = bytes.pop()),
    Damage("without the first byte", |bytes| _ = bytes.remove(0)),
    Damage("one byte more", |bytes| bytes.push(0)),
    Damage("zeros", |bytes| bytes.fill(0)),
    Damage("zeros at the end", |bytes| {
        let half = bytes.len() / 2;
        bytes[half..].fill(0);
    }),
    Damage("not a file of the cache", |bytes| {
        *bytes = b"\0asm\x01\0\0\0".repeat(1000);
    }),
];

#[test]
fn damaged_files_are_compiled_again() {
    let _alone = alone();
    for choice in engines() {
        let cached = Cached::default();
        expect(&cached, &choice, Exactly(2), "cold");
        let whole: Vec<_> = cached
            .files()
            .into_iter()
            .map(|path| (fs::read(&path), path))
            .collect();
        let whole: Vec<_> = whole
            .into_iter()
            .map(|(bytes, path)| (bytes.expect("it is there"), path))
            .collect();
        let repaired = |what: &str| {
            expect(&cached, &choice, Nothing, what);
            let sizes = cached
                .files()
                .into_iter()
                .map(|path| fs::metadata(path).expect("it is there").len());
            assert_eq!(
                sizes.collect::<Vec<_>>(),
                whole
                    .iter()
                    .map(|(bytes, _)| bytes.len() as u64)
                    .collect::<Vec<_>>(),
                "{choice:?} {what}"
            );
        };
        for (bytes, path) in &whole {
            for Damage(what, damage) in DAMAGES {
                let mut damaged = bytes.clone();
                damage(&mut damaged);
                fs::write(path, damaged).expect("it can be written");
                expect(&cached, &choice, Something, what);
                repaired(what);
            }
            // Single bits, at the ends and all over.
            let ends = [
                0,
                1,
                7,
                8,
                63,
                64,
                bytes.len() - 1,
                bytes.len() - 17,
                bytes.len() - 60,
            ];
            let everywhere = (0..bytes.len()).step_by(bytes.len() / 23 + 1);
            for at in ends.into_iter().chain(everywhere) {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << (at % 8);
                fs::write(path, damaged).expect("it can be written");
                expect(&cached, &choice, Something, &format!("byte {at}"));
            }
            repaired("bits");
        }
        // Each is a good file, under the name of the other.
        let [(first, one), (second, other)] = whole.as_slice() else {
            panic!("{choice:?}: {} files", whole.len());
        };
        fs::write(one, second).expect("it can be written");
        fs::write(other, first).expect("it can be written");
        expect(&cached, &choice, Exactly(2), "exchanged");
        repaired("exchanged");
    }
}

/// Engines, compilers and settings have files of their own, also in one folder.
#[test]
fn what_decides_about_the_code_is_part_of_the_key() {
    let _alone = alone();
    let cached = Cached::default();
    let mut count = 0;
    for choice in engines() {
        expect(&cached, &choice, Exactly(2), "the first of its engine");
        count += 2;
        assert_eq!(cached.files().len(), count, "{choice:?}");
        // Another verdict: what is allowed to be compiled at all.
        let stricter = Options {
            bounds: Bounds {
                functions: 1000,
                ..Bounds::default()
            },
            ..options()
        };
        let made = cached
            .compile(&choice, &single(), &stricter)
            .expect("it is valid");
        assert!(made.newly_compiled() > 0, "{choice:?}");
        let refused = Options {
            bounds: Bounds {
                functions: 1,
                ..Bounds::default()
            },
            ..options()
        };
        let error = cached.compile(&choice, &single(), &refused).map(drop);
        let error = error.expect_err("too many functions").to_string();
        assert!(error.contains("functions"), "{choice:?}: {error}");
        count = cached.files().len();
    }
    // A file of one engine under the name of another's.
    let all = cached.files();
    let whole: Vec<_> = all
        .iter()
        .map(|path| fs::read(path).expect("it is there"))
        .collect();
    for (position, path) in all.iter().enumerate() {
        fs::write(path, &whole[(position + 1) % whole.len()]).expect("it can be written");
    }
    for choice in engines() {
        expect(&cached, &choice, Exactly(2), "a foreign file");
        expect(&cached, &choice, Nothing, "repaired");
    }
}

#[test]
fn one_changed_byte_is_another_module() {
    let _alone = alone();
    let other = GUEST.replace("data of", "eata of");
    for choice in engines() {
        let cached = Cached::default();
        expect(&cached, &choice, Exactly(2), "cold");
        let made = cached.compile(&choice, &Manifest::of(other.as_bytes()), &options());
        let made = made.expect("it is valid");
        let mut plugin = Plugin::new(&made).expect("it starts");
        assert_eq!(
            plugin.call("answer", b"").ok(),
            Some(&b"5e"[..]),
            "{choice:?}"
        );
    }
}

#[test]
fn without_a_cache_nothing_is_written() {
    let _alone = alone();
    for choice in engines() {
        let cached = Cached::default();
        let off = Options {
            cache: CachePlace::Off.into(),
            ..options()
        };
        choice.compile(&single(), &off).expect("it is valid");
        choice.compile(&single(), &options()).expect("it is valid");
        assert_eq!(files(cached.home.path()).len(), 0, "{choice:?}");
        let empty = Options {
            cache: CachePlace::Folder("".into()).into(),
            ..options()
        };
        let error = choice
            .compile(&single(), &empty)
            .map(drop)
            .expect_err("no path");
        assert_eq!(error.kind(), polyextism::ErrorKind::Argument, "{choice:?}");
    }
}

#[test]
fn threads_write_at_once() {
    let _alone = alone();
    for choice in engines() {
        let cached = Cached::default();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..3 {
                        let made = cached.compile(&choice, &single(), &options());
                        let mut plugin =
                            Plugin::new(&made.expect("it is valid")).expect("it starts");
                        assert_eq!(plugin.call("answer", b"").ok(), Some(&b"5d"[..]));
                    }
                });
            }
        });
        assert_eq!(cached.files().len(), 2, "{choice:?}: {:?}", cached.files());
        expect(&cached, &choice, Nothing, "warm");
    }
}

/// Sets when a file was used last.
fn used(path: &Path, ago: u64) {
    let file = fs::File::options()
        .append(true)
        .open(path)
        .expect("it is there");
    let time = SystemTime::now() - Duration::from_secs(ago);
    file.set_modified(time).expect("the time can be set");
}

#[test]
fn what_was_not_used_for_longest_goes() {
    let _alone = alone();
    for choice in engines() {
        let mut cached = Cached::default();
        expect(&cached, &choice, Exactly(2), "cold");
        let size = |path: &Path| fs::metadata(path).expect("it is there").len();
        let first = cached.files();
        let both: u64 = first.iter().map(|path| size(path)).sum();
        // An old file that was never completed, and a strange one.
        let folder = cached.folder();
        for (name, ago) in [
            ("old.1.0.new", 100_000),
            ("young.1.0.new", 10),
            ("strange", 100_000),
        ] {
            fs::write(folder.join(name), "x").expect("it can be written");
            used(&folder.join(name), ago);
        }
        first.iter().for_each(|path| used(path, 50_000));
        // Being used makes them young again.
        expect(&cached, &choice, Nothing, "warm");
        cached.max_bytes = both + both / 2;
        let other = GUEST.replace("data of", "eata of");
        let other = Manifest::of(other.as_bytes());
        cached
            .compile(&choice, &other, &options())
            .expect("it is valid");
        let third = cached.files().into_iter().find(|path| {
            !first.contains(path) && path.extension().is_none() && !path.ends_with("strange")
        });
        let third = third.expect("there is a new file");
        assert!(!folder.join("old.1.0.new").exists(), "{choice:?}");
        assert!(folder.join("young.1.0.new").exists(), "{choice:?}");
        assert!(folder.join("strange").exists(), "{choice:?}");
        first.iter().for_each(|path| used(path, 5000));
        used(&third, 10_000);
        cached.max_bytes = both;
        let another = GUEST.replace("data of", "fata of");
        let another = Manifest::of(another.as_bytes());
        cached
            .compile(&choice, &another, &options())
            .expect("it is valid");
        assert!(!third.exists(), "{choice:?}: the oldest is still there");
        let code = cached
            .files()
            .into_iter()
            .filter(|path| path.file_name().is_some_and(|name| name.len() == 64));
        let total: u64 = code.map(|path| size(&path)).sum();
        assert!(total <= both, "{choice:?}: {total} of {both} bytes");
        // Nothing fits.
        cached.max_bytes = 10;
        let count = cached.files().len();
        let more = GUEST.replace("data of", "gata of");
        cached
            .compile(&choice, &Manifest::of(more.as_bytes()), &options())
            .expect("it is valid");
        assert_eq!(cached.files().len(), count, "{choice:?}");
    }
}
