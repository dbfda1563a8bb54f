//! Guests that hand blocks of 1.4 GB to every builtin and every function of WASI, in processes that have no room for
//! a second one: whatever comes of it, the process lives and the plug-in can be called again. And guests that leave
//! their memory, where code checks addresses.
//!
//! Each trial is a process of its own, whose address space the shell limits (`ulimit -v`), as schedulers and containers
//! do. A trial is named `<engine>::<what>`.

use std::{
    collections::BTreeMap,
    env,
    fmt::Write as _,
    fs,
    path::Path,
    process::{Command, ExitCode},
    time::Duration,
};

use libtest_mimic::{Arguments, Failed, Trial};
use polyextism::{
    Choice, ErrorKind, Function, Interrupted, LogLevel, LogSink, Manifest, Options, Plugin, Trap,
    Wasi, engine,
};
use polyextism_tests::{
    engines,
    gaps::{EMPTY_MEMORIES, lacks},
    wasi::FUNCTIONS,
};

/// The address space that a process may have, in KiB: room for one block, and what a process needs anyway.
const ROOM: u64 = 2_500_000;
/// The bytes of a block.
const BLOCK: usize = 1_400_000_000;
/// How long a call of WASI may take.
const TIME: Duration = Duration::from_millis(100);
/// The bytes of a buffer for WASI: about as many, as a number whose bytes are text, since buffers are read as paths.
const BUFFER: usize = 0x5353_5353;
/// The variables by which a child is told what to do.
const ENGINE: &str = "SCARCITY_ENGINE";
const TRIAL: &str = "SCARCITY_TRIAL";

/// What a guest does with its block `$p`, whether variables have gigabytes, and how that ends.
const BUILTINS: &[(&str, &str, Store, &str)] = &[
    (
        "log",
        "(call $log (local.get $p))",
        Store::Small,
        "ok 0 bytes",
    ),
    (
        "the key of a variable",
        "(call $var_set (local.get $p) (call $alloc (i64.const 1)))",
        Store::Small,
        "`var_set`: the variable store is full: 1400000049 bytes are needed, the limit is 1048576",
    ),
    (
        "the value of a variable",
        "(call $var_set (call $alloc (i64.const 1)) (local.get $p))",
        Store::Small,
        "`var_set`: the variable store is full: 1400000049 bytes are needed, the limit is 1048576",
    ),
    (
        "a variable that is taken away",
        "(call $var_set (local.get $p) (i64.const 0))",
        Store::Small,
        "ok 0 bytes",
    ),
    (
        "a variable that is read",
        "(drop (call $var_get (local.get $p)))",
        Store::Small,
        "ok 0 bytes",
    ),
    (
        "the key of a variable where there is room",
        "(call $var_set (local.get $p) (call $alloc (i64.const 1)))",
        Store::Large,
        "`var_set`: the key has 1400000000 bytes, for which the host has no memory",
    ),
    (
        "the value of a variable where there is room",
        "(call $var_set (call $alloc (i64.const 1)) (local.get $p))",
        Store::Large,
        "`var_set`: the value has 1400000000 bytes, for which the host has no memory",
    ),
    (
        "a variable that is read where there is room",
        "(drop (call $var_get (local.get $p)))",
        Store::Large,
        "`var_get`: the key has 1400000000 bytes, for which the host has no memory",
    ),
    (
        "configuration",
        "(drop (call $config_get (local.get $p)))",
        Store::Small,
        "ok 0 bytes",
    ),
    (
        "a request",
        "(drop (call $http (local.get $p) (i64.const 0)))",
        Store::Small,
        "`http_request`: the request has 1400000000 bytes, at most 1048576 are allowed",
    ),
    (
        "the body of a request",
        "(drop (call $http (call $input) (local.get $p)))",
        Store::Small,
        "`http_request`: the body has 1400000000 bytes, for which the host has no memory",
    ),
    (
        "a host function over bytes",
        "(drop (call $take (local.get $p)))",
        Store::Small,
        "host function `take`: the input has 1400000000 bytes, for which the host has no memory",
    ),
    (
        "a host function over text",
        "(drop (call $read (local.get $p)))",
        Store::Small,
        "host function `read`: the input has 1400000000 bytes, for which the host has no memory",
    ),
    (
        "the output",
        "(call $output (local.get $p) (i64.const 1400000000))",
        Store::Small,
        "ok 1400000000 bytes",
    ),
    (
        "the output, freed",
        "(call $output (local.get $p) (i64.const 1400000000)) (call $free (local.get $p))",
        Store::Small,
        "ok 1400000000 bytes",
    ),
    (
        "the error text",
        "(call $error (local.get $p)) (call $free (local.get $p))",
        Store::Small,
        "an error text of 65536 bytes",
    ),
];

/// How much the variables of a plug-in may have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Store {
    /// By default.
    Small,
    /// Four gigabytes.
    Large,
}

const GUEST: &str = r#"(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "free" (func $free (param i64)))
  (import "extism:host/env" "input_offset" (func $input (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (import "extism:host/env" "error_set" (func $error (param i64)))
  (import "extism:host/env" "log_error" (func $log (param i64)))
  (import "extism:host/env" "var_set" (func $var_set (param i64 i64)))
  (import "extism:host/env" "var_get" (func $var_get (param i64) (result i64)))
  (import "extism:host/env" "config_get" (func $config_get (param i64) (result i64)))
  (import "extism:host/env" "http_request" (func $http (param i64 i64) (result i64)))
  (import "extism:host/user" "take" (func $take (param i64) (result i64)))
  (import "extism:host/user" "read" (func $read (param i64) (result i64)))
  (func (export "nothing"))
"#;

fn main() -> ExitCode {
    if let (Ok(name), Ok(trial)) = (env::var(ENGINE), env::var(TRIAL)) {
        let choice = engine(&name).expect("the parent took it from the same list");
        match trial.as_str() {
            "builtins" => builtins(&choice),
            "wasi" => wasi(&choice),
            "addresses" => addresses(&choice),
            trial => panic!("there is no trial `{trial}`"),
        }
        return ExitCode::SUCCESS;
    }
    let mut arguments = Arguments::from_args();
    // Each takes more than a gigabyte.
    arguments.test_threads = Some(1);
    let names = engines().into_iter().map(|choice| choice.name());
    let trials = names.flat_map(|engine| {
        ["builtins", "wasi", "addresses"].map(|trial| {
            let engine = engine.clone();
            Trial::test(format!("{engine}::{trial}"), move || run(&engine, trial))
        })
    });
    let trials = trials.collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Runs a trial in a child process with little room.
fn run(engine: &str, trial: &str) -> Result<(), Failed> {
    let mut child = Command::new("sh");
    child
        .args(["-c", "ulimit -v \"$1\" && exec \"$0\""])
        .arg(env::current_exe()?)
        .arg(ROOM.to_string())
        .env(ENGINE, engine)
        .env(TRIAL, trial);
    let output = child.output()?;
    match output.status.success() {
        true => Ok(()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let printed = String::from_utf8_lossy(&output.stdout).into_owned();
            Err(format!("{}: {printed}{said}", output.status).into())
        }
    }
}

fn builtins(choice: &Choice) {
    let mut text = GUEST.to_owned();
    for (position, (_, body, ..)) in BUILTINS.iter().enumerate() {
        _ = writeln!(
            text,
            "(func (export \"f{position}\") (local $p i64) \
             (local.set $p (call $alloc (i64.const {BLOCK}))) {body})"
        );
    }
    text.push(')');
    for store in [Store::Small, Store::Large] {
        let mut manifest = Manifest::of(text.as_bytes());
        manifest.allowed_hosts = Some(vec!["127.0.0.1".into()]);
        if store == Store::Large {
            manifest.memory.max_var_bytes = Some(4 << 30);
        }
        let options = Options::default().with_functions(vec![
            Function::bytes("take", |_, _| Ok(Vec::new())),
            Function::text("read", |_, _| Ok(String::new())),
        ]);
        let compiled = choice.compile(&manifest, &options).expect("it compiles");
        for (position, (what, _, in_store, expected)) in BUILTINS.iter().enumerate() {
            if *in_store != store {
                continue;
            }
            let mut plugin = Plugin::new(&compiled).expect("it starts");
            let sink = LogSink::new(LogLevel::Error, |_, line| {
                assert_eq!(line.len(), LogSink::LINE_LIMIT);
            });
            plugin.host().set_log_sink(Some(sink));
            let request = br#"{"url": "http://127.0.0.1:1/", "method": "POST"}"#;
            let found = match plugin.call(&format!("f{position}"), request) {
                Ok(output) => format!("ok {} bytes", output.len()),
                Err(error) => match error.guest_text() {
                    Some(text) => format!("an error text of {} bytes", text.len()),
                    None => error.to_string(),
                },
            };
            assert_eq!(found, *expected, "{choice:?} {what}");
            plugin.call("nothing", b"").expect("it can be called again");
        }
    }
}

/// Memories, by their first size and their maximum in pages. Where address space is limited, code checks addresses.
const MEMORIES: &[(u32, &str)] = &[(0, ""), (0, "0"), (0, "2"), (1, ""), (1, "1"), (1, "2")];
/// Accesses outside of all of them, with the address in place of `A`.
const ACCESSES: &[&str] = &[
    "(drop (i32.load8_u (i32.const A)))",
    "(drop (i64.load16_s (i32.const A)))",
    "(drop (i64.load offset=8 (i32.const A)))",
    "(f64.store (i32.const A) (f64.const 1))",
    "(memory.fill (i32.const A) (i32.const 1) (i32.const 1))",
];
const ADDRESSES: &[u32] = &[65_536, 1_125_732, 0x7fff_0000, 0xffff_0000];

/// Accesses outside of a memory, also of one that has no page.
fn addresses(choice: &Choice) {
    for &(pages, most) in MEMORIES {
        let mut text = format!("(module (memory {pages} {most})");
        let mut names = Vec::new();
        let at_first = (pages == 0).then_some(0);
        for address in ADDRESSES.iter().copied().chain(at_first) {
            for access in ACCESSES {
                let (name, body) = (names.len(), access.replace('A', &address.to_string()));
                _ = writeln!(text, "(func (export \"f{name}\") {body})");
                names.push((format!("f{name}"), body));
            }
        }
        text.push(')');
        let compiled = choice.compile(&Manifest::of(text.into_bytes()), &Options::default());
        let what = format!("{choice:?}: {pages} {most}");
        if pages == 0 && lacks(choice, EMPTY_MEMORIES) {
            let refused = compiled.err().map(|error| error.kind());
            assert_eq!(refused, Some(ErrorKind::Unsupported), "{what}");
            continue;
        }
        let mut plugin = Plugin::new(&compiled.expect("it compiles")).expect("it starts");
        for (name, body) in names {
            let ended = plugin.call(&name, b"").map_err(|error| error.kind());
            let expected = Err(ErrorKind::Trap(Trap::MemoryOutOfBounds));
            assert_eq!(ended, expected, "{what}: {body}");
        }
    }
}

/// Every function, with every parameter as large as a block, on every kind of descriptor.
fn wasi(choice: &Choice) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scarcity");
    fs::create_dir_all(&folder).expect("it can be made");
    fs::write(folder.join("file"), "0123456789").expect("it can be written");
    let mut names = Vec::new();
    let text = every_function(&mut names);
    let mut manifest = Manifest::of(text.into_bytes());
    let host = folder.to_str().expect("the path is plain").to_owned();
    manifest.allowed_paths = Some(BTreeMap::from([(host, "/dir".to_owned())]));
    let options = Options::default()
        .with_wasi(Wasi::default())
        // For a second instance there is no room.
        .with_interrupted(Interrupted::Kept);
    let compiled = choice.compile(&manifest, &options).expect("it compiles");
    let mut plugin = Plugin::new(&compiled).expect("it starts");
    let mut ended = BTreeMap::<_, usize>::new();
    for name in &names {
        plugin.call("prepare", b"").expect("there is a file");
        let function = plugin.function(name).expect("it is exported");
        let end = match plugin.call_within(function, b"", Some(TIME)) {
            Ok(_) => "ok",
            Err(error) => error.kind().name(),
        };
        *ended.entry(end).or_default() += 1;
    }
    plugin.call("prepare", b"").expect("it can be called again");
    // Errnos, traps, and what would have taken longer.
    let ends = ended.keys().copied().collect::<Vec<_>>();
    assert!(ends.contains(&"ok"), "{ended:?}");
    let known = ["host-function", "ok", "timeout", "trap"];
    assert!(ends.iter().all(|end| known.contains(end)), "{ended:?}");
}

/// A guest that makes every call, each under one of the `names`.
fn every_function(names: &mut Vec<String>) -> String {
    // Vectors, subscriptions and paths may begin at 64: each has the address 65536 and the length of a block.
    let pages = BUFFER / 65_536 + 3;
    let vector = [65_536_u32, BUFFER as u32].map(u32::to_le_bytes).concat();
    let mut vectors = String::new();
    for byte in vector.repeat(512) {
        _ = write!(vectors, "\\{byte:02x}");
    }
    let mut imports = String::new();
    let mut functions = String::new();
    for (name, params) in FUNCTIONS {
        let types = params.replace('i', " i32").replace('l', " i64");
        _ = writeln!(
            imports,
            "(import \"wasi_snapshot_preview1\" \"{name}\" (func ${name} (param{types}) (result i32)))"
        );
        for descriptor in [0, 1, 3, 4] {
            for large in 0..params.len().max(1) {
                let argument = |(position, ty): (usize, char)| {
                    let value = match position {
                        _ if position == large => BUFFER,
                        0 => descriptor,
                        _ => 64,
                    };
                    format!("(i{}.const {value})", if ty == 'l' { 64 } else { 32 })
                };
                let arguments: String = params.chars().enumerate().map(argument).collect();
                let export = format!("{name} {descriptor} {large}");
                _ = writeln!(
                    functions,
                    "(func (export \"{export}\") (drop (call ${name} {arguments})))"
                );
                names.push(export);
            }
        }
    }
    format!(
        r#"(module {imports} (memory (export "memory") {pages})
        (data $vectors "{vectors}") (data $name "file")
        (func (export "prepare") (result i32)
          (memory.init $vectors (i32.const 64) (i32.const 0) (i32.const 4096))
          (memory.init $name (i32.const 8) (i32.const 0) (i32.const 4))
          (drop (call $fd_close (i32.const 4)))
          (call $path_open (i32.const 3) (i32.const 0) (i32.const 8) (i32.const 4) (i32.const 1)
            (i64.const 66) (i64.const 66) (i32.const 0) (i32.const 16)))
        {functions})"#
    )
}
