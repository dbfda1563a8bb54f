//! What a plug-in may have when it runs: each limit is hit, on every engine with one expectation. Limits with
//! their defaults are in `cases/limits`, what modules may cost to compile in core's tests and in
//! `shapes.rs`.

use std::path::Path;

use polyextism::{
    Choice, Error, ErrorKind, Limits, LogLevel, LogSink, Manifest, Options, Plugin, Wasi,
    internal::Bounds,
    manifest::{MODULE_LIMIT, Wasm},
};
use polyextism_tests::{engines, files, null};

fn start(choice: &Choice, manifest: &Manifest, limits: Limits) -> Result<Plugin, Error> {
    let options = Options::default().with_limits(limits);
    Plugin::new(&choice.compile(manifest, &options)?)
}

fn code(plugin: &mut Plugin, function: &str) -> i32 {
    match plugin.call(function, b"") {
        Ok(_) => 0,
        Err(error) => match error.kind() {
            ErrorKind::ReturnCode(code) => code,
            kind => panic!("{function}: {kind:?} {error}"),
        },
    }
}

const MEMORIES: &str = r#"(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (memory (export "memory") 2)
  (memory $second 3)
  (func (export "grow") (result i32) (memory.grow (i32.const 1)))
  (func (export "grow_second") (result i32) (memory.grow $second (i32.const 1)))
  (func (export "alloc") (result i32) (i64.eqz (call $alloc (i64.const 65536)))))"#;

fn pages(memory_pages: u64) -> Limits {
    Limits::default().with_memory_pages(memory_pages)
}

/// Strict limits are far from what real plug-ins have. On an engine that only reads modules.
#[test]
fn real_plugins_stay_below_a_quarter_of_strict_limits() {
    let mut limits = Limits::strict();
    for (_, limit) in limits.fields() {
        *limit /= 4;
    }
    let rich = null::choices().find(|choice| choice.compiler().name == "rich");
    let choice = rich.expect("there is one with all proposals");
    let mut seen = 0;
    let entries = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries(&files::home().join("guests")).map(|entry| entry.path());
    let plugins = folders.flat_map(|folder| entries(&folder).map(|entry| entry.path()));
    for path in plugins.filter(|path| path.extension().is_some_and(|found| found == "wasm")) {
        seen += 1;
        let manifest = Manifest::of(std::fs::read(&path).expect("it can be read"));
        let options = Options::default()
            .with_wasi(Wasi::default())
            .with_limits(limits.clone());
        // Host functions are missing, which is found after the limits; else nothing is.
        match choice.compile(&manifest, &options) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::Link, "{}: {error}", path.display()),
        }
    }
    assert!(seen >= 8, "{seen} plug-ins were found");
}

#[test]
fn memories_share_their_pages() {
    let manifest = Manifest::of(MEMORIES.as_bytes());
    for choice in engines() {
        let error = start(&choice, &manifest, pages(5)).expect_err("6 are needed");
        assert_eq!(error.kind(), ErrorKind::MemoryLimit, "{choice:?}");
        assert_eq!(
            error.to_string(),
            "the memories of the program need 6 pages at the start, the limit is 5; \
             raise the limit `memory_pages`"
        );
        let mut plugin = start(&choice, &manifest, pages(8)).expect("6 are allowed");
        assert_eq!(code(&mut plugin, "grow"), 2, "{choice:?}");
        assert_eq!(code(&mut plugin, "grow_second"), 3, "{choice:?}");
        assert_eq!(code(&mut plugin, "grow"), -1, "{choice:?}");
        // The kernel needs a page as well.
        assert_eq!(code(&mut plugin, "alloc"), 1, "{choice:?}: the null handle");
        let error = plugin
            .call("grow", &[0; 65536])
            .expect_err("the input does not fit");
        assert_eq!(error.kind(), ErrorKind::MemoryLimit, "{choice:?}");
        assert_eq!(
            error.to_string(),
            "65536 bytes do not fit into the kernel memory of the plug-in; `memory.max_pages` of the manifest, \
             or the limit `memory_pages`, says how much all memories may have together"
        );
        assert_eq!(code(&mut plugin, "grow"), -1, "{choice:?}: it is alive");
    }
}

#[test]
fn the_manifest_says_it_first() {
    for choice in engines() {
        let mut manifest = Manifest::of(MEMORIES.as_bytes());
        manifest.memory.max_pages = Some(7);
        for memory_pages in [1, 100] {
            let mut plugin = start(&choice, &manifest, pages(memory_pages)).expect("7 suffice");
            assert_eq!(code(&mut plugin, "grow"), 2, "{choice:?}");
            assert_eq!(code(&mut plugin, "grow"), -1, "{choice:?}");
        }
    }
}

/// By default no more than one memory of 32 bits can have: also not with several, or with one of 64 bits.
#[test]
fn pages_are_limited_by_default() {
    let several = r#"(module (memory $a 1) (memory $b 1)
      (func (export "a") (result i32) (memory.grow $a (i32.const 40000)))
      (func (export "b") (result i32) (memory.grow $b (i32.const 25534)))
      (func (export "rest") (result i32) (memory.grow $b (i32.const 25533)))
      (func (export "one") (result i32) (memory.grow $b (i32.const 1))))"#;
    for choice in engines() {
        let plugin = start(
            &choice,
            &Manifest::of(several.as_bytes()),
            Limits::default(),
        );
        let mut plugin = plugin.expect("it starts");
        assert_eq!(code(&mut plugin, "a"), 1, "{choice:?}");
        assert_eq!(code(&mut plugin, "b"), -1, "{choice:?}: one too many");
        assert_eq!(code(&mut plugin, "rest"), 1, "{choice:?}");
        assert_eq!(code(&mut plugin, "one"), -1, "{choice:?}");
    }
    let long = r#"(module (memory i64 1)
      (func (export "most") (result i32) (i32.wrap_i64 (memory.grow (i64.const 65534))))
      (func (export "more") (result i32) (i32.wrap_i64 (memory.grow (i64.const 65535)))))"#;
    for choice in engines() {
        match start(&choice, &Manifest::of(long.as_bytes()), Limits::default()) {
            Ok(mut plugin) => {
                assert_eq!(code(&mut plugin, "more"), -1, "{choice:?}");
                assert_eq!(code(&mut plugin, "most"), 1, "{choice:?}");
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unsupported, "{choice:?}"),
        }
    }
}

/// What is too large from the start is refused before an engine reserves anything.
#[test]
fn memories_of_64_bits_that_are_too_large() {
    for pages in [65_537_u64, 70_000, 1 << 32, (1 << 48) - 1] {
        let text = format!("(module (memory i64 {pages}) (func (export \"f\")))");
        for choice in engines() {
            let error = start(&choice, &Manifest::of(text.as_bytes()), Limits::default());
            let kind = error.map(drop).expect_err("it is too large").kind();
            let known = [ErrorKind::MemoryLimit, ErrorKind::Unsupported];
            assert!(known.contains(&kind), "{choice:?} {pages}: {kind:?}");
        }
    }
}

#[test]
fn tables_share_their_elements() {
    let text = r#"(module (table $a 10 funcref) (table $b 5 7 funcref)
      (func (export "a") (result i32) (table.grow $a (ref.null func) (i32.const 2)))
      (func (export "b") (result i32) (table.grow $b (ref.null func) (i32.const 2))))"#;
    let elements = |table_elements| Limits::default().with_table_elements(table_elements);
    for choice in engines() {
        let manifest = Manifest::of(text.as_bytes());
        let error = start(&choice, &manifest, elements(14)).expect_err("15 are there");
        assert_eq!(error.kind(), ErrorKind::InvalidModule, "{choice:?}");
        assert_eq!(
            error.to_string(),
            "module `main` has 15 table elements, at most 14 are allowed; \
             raise the limit `table_elements` to 15"
        );
        // Who may grow by how much, and what it then returns: nothing is left, one for each, enough.
        for (limit, a, b) in [(15, -1, -1), (18, -1, -1), (19, 10, 5), (1000, 10, 5)] {
            let mut plugin = start(&choice, &manifest, elements(limit)).expect("15 are allowed");
            assert_eq!(code(&mut plugin, "a"), a, "{choice:?} {limit}");
            assert_eq!(code(&mut plugin, "b"), b, "{choice:?} {limit}");
            assert_eq!(
                code(&mut plugin, "b"),
                -1,
                "{choice:?} {limit}: as declared"
            );
        }
    }
}

/// As many modules as a manifest may have, with as many memories as one may have.
#[test]
fn the_most_instances() {
    let strict = Limits::strict();
    let memories = (0..Bounds::from(&strict).memories).map(|_| "(memory 1)");
    let memories = memories.collect::<String>();
    let library = format!("(module {memories} (func (export \"f\")))");
    let main = "(module (func (export \"f\")))";
    for choice in engines() {
        let mut modules: Vec<_> = (1..MODULE_LIMIT)
            .map(|n| Wasm::from(library.clone().into_bytes()).with_name(format!("lib{n}")))
            .collect();
        modules.push(Wasm::from(main.as_bytes().to_vec()).with_name("main"));
        let manifest = Manifest::new(modules);
        let plugin = start(&choice, &manifest, strict.clone());
        // Each memory reserves address space: there may not be enough for all.
        match plugin {
            Ok(mut plugin) => assert_eq!(code(&mut plugin, "f"), 0, "{choice:?}"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Engine, "{choice:?}: {error}"),
        }
    }
}

/// Texts of guests are cut: log lines, and error texts.
#[test]
fn texts_are_cut() {
    let text = r#"(module
      (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
      (import "extism:host/env" "log_error" (func $log (param i64)))
      (import "extism:host/env" "error_set" (func $error (param i64)))
      (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
      (func $text (result i64) (local $block i64) (local $n i64)
        (local.set $block (call $alloc (i64.const 100000)))
        (loop $l
          (call $store (i64.add (local.get $block) (local.get $n)) (i32.const 120))
          (br_if $l (i64.lt_u (local.tee $n (i64.add (local.get $n) (i64.const 1)))
            (i64.const 100000))))
        (local.get $block))
      (func (export "log") (call $log (call $text)))
      (func (export "error") (call $error (call $text))))"#;
    for choice in engines() {
        let plugin = start(&choice, &Manifest::of(text.as_bytes()), Limits::default());
        let mut plugin = plugin.expect("it starts");
        let (send, lines) = std::sync::mpsc::channel();
        let sink = LogSink::new(LogLevel::Error, move |_, line: &str| {
            _ = send.send(line.len());
        });
        plugin.host().set_log_sink(Some(sink));
        plugin.call("log", b"").expect("it logs");
        let length = lines.try_recv().expect("there is a line");
        assert!(
            (LogSink::LINE_LIMIT..LogSink::LINE_LIMIT + 100).contains(&length),
            "{choice:?}: {length}"
        );
        let error = plugin.call("error", b"").expect_err("it sets an error");
        assert_eq!(
            error.guest_text().map(<[u8]>::len),
            Some(Error::GUEST_TEXT_LIMIT)
        );
    }
}

/// `docs/limits.md` lists every limit with its default and what is strict.
#[test]
fn the_page_has_every_limit() {
    let page = files::text(&files::repository().join("docs/limits.md"));
    let (mut default, mut strict) = (Limits::default(), Limits::strict());
    let values = default.fields().into_iter().zip(strict.fields());
    for ((name, default), (_, strict)) in values {
        let row = format!(
            "| `{name}` | {} | {} |",
            grouped(*default),
            grouped(*strict)
        );
        assert!(page.contains(&row), "no row `{row}`");
    }
}

/// A number with its digits in groups of three, as the page writes it.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<_> = groups.map(|group| String::from_utf8_lossy(group)).collect();
    groups.join(" ")
}
