//! What is written down after a failure and for profilers: the same files on every engine that can.

use std::{collections::BTreeMap, fs, path::Path};

use polyextism::{
    Choice, Diagnostics, Error, ErrorKind, Function, Manifest, Options, Plugin, Profiler, Setting,
    Trap, Wasi, manifest::Wasm,
};
use polyextism_tests::{core_dump::Core, engines, gaps};

const LIBRARY: &str = r#"
(module
  (memory (export "memory") 1)
  (data (i32.const 100) "of the library")
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))
"#;

const MAIN: &str = r#"
(module
  (import "lib" "load" (func $load (param i32) (result i32)))
  (import "x" "fail" (func $fail))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "error_set" (func $error_set (param i64)))
  (import "extism:host/env" "store_u64" (func $store (param i64 i64)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 3)
  (data (i32.const 131072) "on the last page")
  (func $sow
    (call $store (call $alloc (i64.const 8)) (i64.const 0x6c656e72656b))
    (i32.store8 (i32.const 7) (i32.const 42)))
  (func $leaf (call $sow) (drop (call $load (i32.const -1))))
  (func $traps (export "trap") (call $leaf))
  (func $host (export "host") (call $sow) (call $fail))
  (func (export "text") (result i32)
    (call $sow)
    (call $error_set (call $alloc (i64.const 4)))
    (i32.const 1))
  (func (export "code") (result i32) (call $sow) (i32.const 7))
  (func (export "exit") (call $sow) (call $exit (i32.const 3)))
  (func (export "end") (call $sow) (call $exit (i32.const 0)))
  (func (export "fine") (call $sow)))
"#;

/// What is called, which dumps it leaves, and the frames of the core dump: module and function.
struct Case {
    function: &'static str,
    memory: bool,
    core: Option<&'static [(&'static str, u32)]>,
}

const CASES: &[Case] = &[
    Case {
        function: "trap",
        memory: true,
        core: Some(&[("lib", 0), ("main", 7), ("main", 8)]),
    },
    Case {
        function: "host",
        memory: true,
        core: Some(&[("main", 9)]),
    },
    Case {
        function: "text",
        memory: true,
        core: None,
    },
    Case {
        function: "code",
        memory: true,
        core: None,
    },
    Case {
        function: "exit",
        memory: true,
        core: None,
    },
    Case {
        function: "end",
        memory: false,
        core: None,
    },
    Case {
        function: "fine",
        memory: false,
        core: None,
    },
    Case {
        function: "no such function",
        memory: false,
        core: None,
    },
];

fn plugin(choice: &Choice, diagnostics: Diagnostics) -> polyextism::Result<Plugin> {
    let fail = Function::typed("fail", |_, (): ()| {
        Err::<(), _>(Error::new(ErrorKind::HostFunction, "on purpose"))
    });
    let manifest = Manifest::new([
        Wasm::from(LIBRARY.as_bytes().to_vec()).with_name("lib"),
        Wasm::from(MAIN.as_bytes().to_vec()).with_name("main"),
    ]);
    let options = Options::default()
        .with_functions(vec![fail])
        .with_wasi(Wasi::default())
        .with_diagnostics(diagnostics);
    Plugin::new(&choice.compile(&manifest, &options)?)
}

fn can_dump(choice: &Choice) -> bool {
    choice.compiler().capabilities.backtrace
}

fn contains(memory: &[u8], text: &str) -> bool {
    memory
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

/// Takes a file that may have been written.
fn take(path: &Path) -> Option<Vec<u8>> {
    let found = fs::read(path).ok()?;
    fs::remove_file(path).expect("it was there");
    Some(found)
}

#[test]
fn failures_leave_dumps() {
    for choice in engines() {
        let folder = tempfile::tempdir().expect("a folder");
        let (core_file, memory_file) = (folder.path().join("core"), folder.path().join("memory"));
        let mut plugin = plugin(
            &choice,
            Diagnostics::default()
                .with_core_dump(match can_dump(&choice) {
                    true => Setting::On(core_file.clone()),
                    false => Setting::Off,
                })
                .with_memory_dump(Setting::On(memory_file.clone()))
                .with_profiler(Setting::Off),
        )
        .expect("it compiles");
        for case in CASES {
            let what = format!("{choice:?} {}", case.function);
            let _ = plugin.call(case.function, b"the input").map(drop);
            let (core, memory) = (take(&core_file), take(&memory_file));
            assert_eq!(memory.is_some(), case.memory, "{what}");
            if let Some(memory) = &memory {
                assert!(contains(memory, "the input"), "{what}");
                assert!(contains(memory, "kernel"), "{what}");
            }
            assert_eq!(
                core.is_some(),
                case.core.is_some() && can_dump(&choice),
                "{what}"
            );
            let (Some(core), Some(frames)) = (core, case.core) else {
                continue;
            };
            let core = Core::read(&core);
            let named = core
                .frames
                .iter()
                .map(|(instance, function)| (core.modules[*instance as usize].as_str(), *function));
            assert_eq!(named.collect::<Vec<_>>(), frames, "{what}");
            let library = core.memories_of("lib");
            assert!(matches!(library[..], [memory] if contains(memory, "of the library")));
            let guest = core.memories_of("main");
            let own = guest.iter().find(|memory| memory.len() == 3 * 65536);
            let own = own.expect("main has its memory");
            assert_eq!(own[7], 42, "{what}");
            assert!(own[131_072..].starts_with(b"on the last page"), "{what}");
            let kernel = core
                .memories
                .iter()
                .find(|found| Some(*found) == memory.as_ref());
            assert!(kernel.is_some(), "{what}: the kernel memory is another");
        }
    }
}

#[test]
fn a_guest_that_fails_while_it_is_initialised_leaves_dumps() {
    for choice in engines().iter().filter(|choice| can_dump(choice)) {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("core");
        let text = r#"(module (func $start unreachable) (start $start) (func (export "f")))"#;
        let options = Options::default()
            .with_diagnostics(Diagnostics::default().with_core_dump(Setting::On(file.clone())));
        let compiled = choice.compile(&Manifest::of(text.as_bytes()), &options);
        let mut plugin = Plugin::new(&compiled.expect("it compiles")).expect("an instance");
        let error = plugin.call("f", b"").expect_err("the start function traps");
        assert_eq!(
            error.kind(),
            ErrorKind::Trap(Trap::Unreachable),
            "{choice:?}"
        );
        let core = Core::read(&take(&file).expect("a core dump"));
        assert_eq!(core.frames, [(0, 0)], "{choice:?}");
    }
}

/// Where a dump cannot be written, the call ends as it would without.
#[test]
fn a_dump_that_fails_hides_nothing() {
    for choice in engines() {
        let folder = tempfile::tempdir().expect("a folder");
        let lost = folder.path().join("lost");
        fs::create_dir(&lost).expect("it can be made");
        let asked = Diagnostics::default().with_memory_dump(Setting::On(lost.join("memory")));
        let mut plugin = plugin(&choice, asked).expect("it compiles");
        fs::remove_dir(&lost).expect("it is empty");
        for _ in 0..2 {
            let error = plugin.call("trap", b"").expect_err("it traps");
            let kind = ErrorKind::Trap(Trap::MemoryOutOfBounds);
            assert_eq!(error.kind(), kind, "{choice:?}");
            assert_eq!(error.backtrace().is_empty(), !can_dump(&choice));
        }
        assert!(!lost.exists(), "{choice:?}");
    }
}

#[test]
#[cfg(unix)]
fn a_dump_is_for_its_owner_and_replaces_the_last_one() {
    use std::os::unix::fs::PermissionsExt;

    for choice in engines() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("memory");
        let asked = Diagnostics::default().with_memory_dump(Setting::On(file.clone()));
        let mut plugin = plugin(&choice, asked).expect("it compiles");
        for input in ["first", "second"] {
            plugin
                .call("code", input.as_bytes())
                .expect_err("it returns a code");
            assert!(
                contains(&fs::read(&file).expect("a dump"), input),
                "{choice:?}"
            );
        }
        assert!(
            !contains(&fs::read(&file).expect("a dump"), "first"),
            "{choice:?}"
        );
        let mode = fs::metadata(&file)
            .expect("it is there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{choice:?}");
        let left = fs::read_dir(folder.path()).expect("a folder").count();
        assert_eq!(left, 1, "{choice:?}: nothing unfinished is left");
    }
}

#[test]
fn what_an_engine_cannot_do_is_refused() {
    for choice in engines() {
        let has = choice.compiler().capabilities;
        if !has.backtrace {
            let folder = tempfile::tempdir().expect("a folder");
            let asked =
                Diagnostics::default().with_core_dump(Setting::On(folder.path().join("core")));
            let error = plugin(&choice, asked).expect_err("there is no stack to dump");
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            let message = format!("engine `{}` has no core dumps", choice.name());
            assert_eq!(error.to_string(), message);
        }
        let lacking = Profiler::ALL
            .iter()
            .filter(|known| !has.profilers.contains(known));
        for &profiler in lacking {
            let asked = Diagnostics::default().with_profiler(Setting::On(profiler));
            let error = plugin(&choice, asked).expect_err("it is not declared");
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{choice:?}");
            let (engine, name) = (choice.name(), profiler.name());
            let message = format!("engine `{engine}` has no profiler `{name}`");
            assert_eq!(error.to_string(), message);
        }
    }
}

/// Each function with a name is in the map that `perf` reads, with its code, also if it was in the cache.
#[test]
fn perf_is_told_where_functions_are() {
    let map = format!("/tmp/perf-{}.map", std::process::id());
    let _ = fs::remove_file(&map);
    for choice in engines() {
        if !choice
            .compiler()
            .capabilities
            .profilers
            .contains(&Profiler::Perf)
        {
            continue;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let name = choice.name().replace(':', "_");
        let text = format!(
            r#"(module (func ${name}_first) (func ${name}_second (export "f")) (func nop))"#
        );
        let options = Options::default()
            .with_diagnostics(Diagnostics::default().with_profiler(Setting::On(Profiler::Perf)))
            .with_cache(polyextism::CachePlace::Folder(folder.path().join("cache")));
        let before = fs::read(&map).map_or(0, |written| written.len());
        let mut seen = 0;
        for newly_compiled in [1, 0] {
            let compiled = choice.compile(&Manifest::of(text.as_bytes()), &options);
            let compiled = compiled.expect("it compiles");
            assert_eq!(compiled.newly_compiled(), newly_compiled, "{choice:?}");
            Plugin::new(&compiled)
                .expect("an instance")
                .call("f", b"")
                .expect("it returns");
            // What other engines have written comes first.
            let written = fs::read_to_string(&map).expect("the map is there");
            let functions = functions(&written[before..]);
            for function in ["first", "second"] {
                let function = format!("{name}_{function}");
                let places = functions.get(&function).map_or(&[][..], Vec::as_slice);
                assert!(
                    places.len() > seen,
                    "{choice:?} {function} {newly_compiled}"
                );
                assert!(places.iter().all(|(start, size)| *start > 0 && *size > 0));
            }
            // The third has no name, and the map one of the engine's, with its index behind what core imports.
            let unnamed = functions.keys().any(|name| name.contains("function["));
            assert_eq!(
                unnamed,
                !gaps::lacks(&choice, gaps::UNNAMED_CODE),
                "{choice:?}"
            );
            seen = 1;
        }
    }
    let _ = fs::remove_file(&map);
}

/// The place and size of each function in a map, by name.
fn functions(map: &str) -> BTreeMap<String, Vec<(u64, u64)>> {
    let mut functions: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in map.lines() {
        let [start, size, name] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else {
            panic!("no line of a map: {line}");
        };
        let start = u64::from_str_radix(start.trim_start_matches("0x"), 16).expect("an address");
        let size = u64::from_str_radix(size, 16).expect("a size");
        functions
            .entry(name.to_owned())
            .or_default()
            .push((start, size));
    }
    functions
}
