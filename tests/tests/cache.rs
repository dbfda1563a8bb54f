//! The compile cache: it changes nothing but the time, and no state of it is an error.

use std::{
    fs,
    path::Path,
    thread,
    time::{Duration, SystemTime},
};

use polyextism::{CachePlace, Limits, Manifest, Plugin, manifest::Wasm};
use polyextism_tests::cached::{
    Cached,
    Expected::{Exactly, Nothing},
    GUEST, alone, engines, expect, files, options, single,
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
    Wasm::data(text).with_name(name)
}

/// Several modules, two of which are the same.
fn several() -> Manifest {
    Manifest::new([
        named("command", COMMAND),
        named("twin", GUEST),
        named("brother", GUEST),
        named("main", CALLER),
    ])
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
        for (manifest, all, twice) in [(single(), 1, 0), (several(), 5, 1)] {
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

#[cfg(target_os = "linux")]
#[test]
fn code_that_is_mapped_runs_from_its_file() {
    let _alone = alone();
    let mut engines = engines();
    engines.retain(|choice| choice.compiler().capabilities.mapping);
    for choice in engines {
        let cached = Cached::default();
        for round in ["cold", "warm"] {
            let made = cached.compile(&choice, &single(), &options());
            let plugin = Plugin::new(&made.expect("it is valid")).expect("it starts");
            let maps = fs::read_to_string("/proc/self/maps").expect("Linux has it");
            let file = cached.files().pop();
            let file = file.expect("the code is kept");
            let file = file.to_string_lossy();
            let is_mapped = maps.lines().any(|line| line.ends_with(&*file));
            assert!(is_mapped, "{choice:?} {round}: {file}");
            drop(plugin);
        }
    }
}

#[test]
fn code_in_use_is_shared_by_this_process() {
    let _alone = alone();
    for choice in engines() {
        let first = choice.compile(&single(), &options()).expect("it is valid");
        assert_eq!(first.newly_compiled(), 1, "{choice:?}");
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
        assert_eq!(last.newly_compiled(), 1, "{choice:?}");
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
        expect(&cached, &choice, Exactly(1), "cold");
        let path = cached.files().remove(0);
        let whole = fs::read(&path).expect("it is there");
        let repaired = |what: &str| {
            expect(&cached, &choice, Nothing, what);
            let repaired = fs::metadata(&path).expect("it is there").len();
            assert_eq!(repaired, whole.len() as u64, "{choice:?} {what}");
        };
        for Damage(what, damage) in DAMAGES {
            let mut damaged = whole.clone();
            damage(&mut damaged);
            fs::write(&path, damaged).expect("it can be written");
            expect(&cached, &choice, Exactly(1), what);
            repaired(what);
        }
        // Single bits, at the ends and all over.
        let (ends, end) = ([0, 1, 7, 8, 63, 64], whole.len());
        let everywhere = (0..end).step_by(end / 23 + 1);
        for at in ends
            .into_iter()
            .chain([end - 1, end - 17, end - 60])
            .chain(everywhere)
        {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << (at % 8);
            fs::write(&path, damaged).expect("it can be written");
            expect(&cached, &choice, Exactly(1), &format!("byte {at}"));
        }
        repaired("bits");
        // A good file, under the name of another.
        let other = GUEST.replace("data of", "eata of");
        cached
            .compile(&choice, &Manifest::of(other.as_bytes()), &options())
            .expect("it is valid");
        let [one, other] = &cached.files()[..] else {
            panic!("{choice:?}: {:?}", cached.files());
        };
        let code = |path| fs::read(path).expect("it is there");
        let (first, second) = (code(one), code(other));
        fs::write(one, second).expect("it can be written");
        fs::write(other, first).expect("it can be written");
        expect(&cached, &choice, Exactly(1), "exchanged");
        expect(&cached, &choice, Nothing, "repaired");
    }
}

/// Engines, compilers and settings have files of their own, also in one folder.
#[test]
fn what_decides_about_the_code_is_part_of_the_key() {
    let _alone = alone();
    let cached = Cached::default();
    let mut count = 0;
    for choice in engines() {
        expect(&cached, &choice, Exactly(1), "the first of its engine");
        count += 1;
        assert_eq!(cached.files().len(), count, "{choice:?}");
        // Another verdict: what is allowed to be compiled at all.
        let stricter = options().with_limits(Limits::strict());
        let made = cached
            .compile(&choice, &single(), &stricter)
            .expect("it is valid");
        assert!(made.newly_compiled() > 0, "{choice:?}");
        let refused = options().with_limits(Limits::default().with_module_bytes(10));
        let error = cached.compile(&choice, &single(), &refused).map(drop);
        let error = error.expect_err("too many bytes").to_string();
        assert!(error.contains("module_bytes"), "{choice:?}: {error}");
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
        expect(&cached, &choice, Exactly(1), "a foreign file");
        expect(&cached, &choice, Nothing, "repaired");
    }
}

#[test]
fn one_changed_byte_is_another_module() {
    let _alone = alone();
    let other = GUEST.replace("data of", "eata of");
    for choice in engines() {
        let cached = Cached::default();
        expect(&cached, &choice, Exactly(1), "cold");
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
        let off = options().with_cache(CachePlace::Off);
        choice.compile(&single(), &off).expect("it is valid");
        choice.compile(&single(), &options()).expect("it is valid");
        assert_eq!(files(cached.home.path()).len(), 0, "{choice:?}");
        let empty = options().with_cache(CachePlace::Folder("".into()));
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
        assert_eq!(cached.files().len(), 1, "{choice:?}: {:?}", cached.files());
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
        let mut compile = |data: &str, max_bytes: u64| {
            let before = cached.files();
            cached.max_bytes = max_bytes;
            let guest = Manifest::of(GUEST.replace("data of", data).as_bytes());
            cached
                .compile(&choice, &guest, &options())
                .expect("it is valid");
            let mut new = cached.files();
            new.retain(|path| !before.contains(path));
            new.pop()
        };
        let first = compile("data of", u64::MAX).expect("it is kept");
        let size = fs::metadata(&first).expect("it is there").len();
        let second = compile("eata of", u64::MAX).expect("it is kept");
        // Files that were never completed, and a strange one.
        let folder = first.parent().expect("a folder").to_owned();
        let others = ["old.1.0.new", "young.1.0.new", "strange"];
        let others = others.map(|name| folder.join(name));
        for (path, ago) in others.iter().zip([100_000, 10, 100_000]) {
            fs::write(path, "x").expect("it can be written");
            used(path, ago);
        }
        used(&first, 50_000);
        used(&second, 20_000);
        // Being used makes it young again.
        assert_eq!(
            compile("data of", u64::MAX),
            None,
            "{choice:?}: it is there"
        );
        let third = compile("fata of", 2 * size + size / 2).expect("it is kept");
        let there = |path: &Path| path.exists();
        assert!(there(&first) && there(&third), "{choice:?}");
        assert!(!there(&second), "{choice:?}: the oldest is still there");
        assert_eq!(
            others.each_ref().map(|path| there(path)),
            [false, true, true],
            "{choice:?}"
        );
        // Nothing fits.
        assert_eq!(compile("gata of", 10), None, "{choice:?}");
        assert!(there(&first) && there(&third), "{choice:?}");
    }
}
