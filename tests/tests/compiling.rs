//! Who waits for compiling does so no longer than it likes, and what goes on afterwards disturbs nobody.
//!
//! Engines are as slow here as the test has them be: one around each of them waits at a gate before it compiles.

use std::{
    sync::{
        Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use polyextism::{
    BACKENDS, Capabilities, Choice, Compiled, Compiling, Error, ErrorKind, Function, Host, Limits,
    Manifest, Options, Plugin, Result,
    backend::{
        Backend, Compiler, DynEngine, Engine, EntryId, Guest, Instance, InstanceLimits, MemoryId,
        ModuleId, Program, Settings, Word,
    },
    engines,
    internal::{AnyModule, AnyPrepared, DynInstance, forks},
    manifest::Source,
};

/// No test fails on a machine that is slow; one that hangs ends after so long.
const LONG: Duration = Duration::from_secs(60);

/// What all compiling of slow engines waits for.
#[derive(Default)]
struct Gate {
    open: Mutex<bool>,
    opened: Condvar,
    /// How many compilations have come to it so far.
    arrived: AtomicUsize,
    /// How many have gone through it and are over.
    over: AtomicUsize,
}

static GATE: LazyLock<Gate> = LazyLock::new(Gate::default);

/// Tests share the gate and the threads of the process.
static ALONE: Mutex<()> = Mutex::new(());

impl Gate {
    fn set(&self, open: bool) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = open;
        self.opened.notify_all();
    }

    fn pass(&self) {
        self.arrived.fetch_add(1, SeqCst);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        while !*open {
            open = self
                .opened
                .wait(open)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The gate, closed, for one test.
fn closed() -> (MutexGuard<'static, ()>, &'static Gate) {
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    GATE.set(false);
    GATE.arrived.store(0, SeqCst);
    GATE.over.store(0, SeqCst);
    (alone, &GATE)
}

/// Each engine that is built in, slow.
fn slow_engines() -> Vec<Choice> {
    static NAMES: LazyLock<Vec<Compiler>> = LazyLock::new(|| {
        let slow = |choice: Choice| Compiler {
            name: Box::leak(choice.name().into_boxed_str()),
            capabilities: without_extras(choice.compiler().capabilities),
        };
        engines().map(slow).collect()
    });
    static SLOW: LazyLock<Vec<Backend>> = LazyLock::new(|| {
        vec![Backend {
            name: "slow",
            version: "0",
            sources: "",
            compilers: &NAMES,
            left_out: &[],
            open,
        }]
    });
    Choice::all(&SLOW).collect()
}

/// What a slow engine does not pass on.
fn without_extras(capabilities: Capabilities) -> Capabilities {
    capabilities.artifacts(false).inspect(false)
}

struct Slow {
    inside: Arc<dyn DynEngine>,
}

struct SlowInstance(Box<dyn DynInstance>);

fn open(settings: &Settings) -> Result<Arc<dyn DynEngine>> {
    let choice = Choice::parse(BACKENDS, Some(settings.compiler))?;
    let inside = (choice.backend().open)(&settings.with_compiler(choice.compiler().name))?;
    Ok(Arc::new(Slow { inside }))
}

impl Engine for Slow {
    type Module = AnyModule;
    type Prepared = AnyPrepared;
    type Instance = SlowInstance;

    fn name(&self) -> &'static str {
        "slow"
    }

    fn capabilities(&self) -> Capabilities {
        without_extras(self.inside.capabilities())
    }

    fn compile(&self, wasm: &[u8]) -> Result<AnyModule> {
        GATE.pass();
        let module = self.inside.compile(wasm);
        GATE.over.fetch_add(1, SeqCst);
        module
    }

    fn prepare(&self, program: Program<AnyModule>) -> Result<AnyPrepared> {
        self.inside.prepare(program)
    }

    fn instantiate(
        &self,
        program: &AnyPrepared,
        host: Host,
        limits: &InstanceLimits,
    ) -> Result<SlowInstance> {
        self.inside
            .instantiate(program, host, limits)
            .map(SlowInstance)
    }

    fn request_check(&self) {
        self.inside.request_check();
    }
}

impl Guest for SlowInstance {
    fn split(&mut self, memory: MemoryId) -> (&mut [u8], &mut Host) {
        self.0.split(memory)
    }

    fn grow(&mut self, memory: MemoryId, pages: u64) -> Option<u64> {
        self.0.grow(memory, pages)
    }
}

impl Instance for SlowInstance {
    fn entry(&mut self, module: ModuleId, export: &str) -> Option<EntryId> {
        self.0.entry(module, export)
    }

    fn enter(&mut self, entry: EntryId) -> Result<i32> {
        self.0.enter(entry)
    }

    fn word(&mut self, memory: MemoryId, address: u64) -> Option<Word> {
        self.0.word(memory, address)
    }
}

/// Another module each time, so that its code is not there already.
fn module() -> Manifest {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, SeqCst);
    let text = format!(
        r#"(module (memory (export "memory") 1) (data "compiling {number}")
            (func (export "f") (result i32) (i32.const 0)))"#
    );
    Manifest::of(text.into_bytes())
}

fn compile(choice: &Choice, compiling: Compiling) -> Result<Compiled> {
    let options = Options::default().with_compiling(compiling);
    choice.compile(&module(), &options)
}

fn kind<T>(outcome: Result<T>) -> Option<(ErrorKind, String)> {
    let failure = outcome.err()?;
    Some((failure.kind(), failure.to_string()))
}

/// Waits for something that is going to happen.
fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < LONG, "{what} does not happen");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Fails when so many compilations are at the gate.
fn leave_when(arrived: usize) -> Compiling {
    let check = move || match GATE.arrived.load(SeqCst) >= arrived {
        true => Err(Error::new(ErrorKind::HostFunction, "it has begun")),
        false => Ok(()),
    };
    Compiling::default().with_check(check)
}

fn for_so_long(milliseconds: u64) -> Compiling {
    Compiling::default().with_timeout(Duration::from_millis(milliseconds))
}

#[test]
fn the_wait_ends_at_its_time_limit() {
    let (_alone, gate) = closed();
    for choice in slow_engines() {
        let start = Instant::now();
        let expected = "compiling did not end within its time limit of 100 ms";
        let expected = Some((ErrorKind::Timeout, expected.to_owned()));
        assert_eq!(
            kind(compile(&choice, for_so_long(100))),
            expected,
            "{choice:?}"
        );
        assert!(start.elapsed() >= Duration::from_millis(100));
        gate.set(true);
        let compiled = compile(&choice, for_so_long(60_000)).expect("it is fast again");
        let mut plugin = Plugin::new(&compiled).expect("it is whole");
        plugin.call("f", b"").expect("it runs");
        let begun = gate.arrived.load(SeqCst);
        until("the end of what was left", || {
            gate.over.load(SeqCst) == begun
        });
        until("quiet", forks::is_quiet);
        gate.set(false);
    }
}

#[test]
fn the_wait_ends_when_the_check_fails() {
    let (_alone, gate) = closed();
    for (before, choice) in slow_engines().into_iter().enumerate() {
        let left = compile(&choice, leave_when(before + 1));
        let expected = Some((ErrorKind::HostFunction, "it has begun".to_owned()));
        assert_eq!(kind(left), expected, "{choice:?}");
        assert!(!forks::is_quiet(), "a fork waits for what goes on");
        gate.set(true);
        until("the end of what was left", || {
            gate.over.load(SeqCst) == before + 1
        });
        until("quiet", forks::is_quiet);
        gate.set(false);
    }
}

/// A host function that compiles has no more time than the call that it serves.
#[test]
fn the_wait_ends_with_the_call_around_it() {
    let (_alone, gate) = closed();
    for choice in slow_engines() {
        let inner = choice;
        let slow = Function::typed("slow", move |_, ()| {
            compile(&inner, Compiling::default()).map(drop)
        });
        let options = Options::default().with_functions(vec![slow.with_namespace("user")]);
        let outer = r#"(module (import "user" "slow" (func $slow))
            (func (export "f") (call $slow)))"#;
        let outer = engines()
            .next()
            .expect("there is one")
            .compile(&Manifest::of(outer.as_bytes()), &options);
        let mut outer = Plugin::new(&outer.expect("it is fast")).expect("it is whole");
        let function = outer.function("f").expect("it is exported");
        let ended = outer.call_within(function, b"", Some(Duration::from_millis(100)));
        let expected = "the call did not end within its time limit of 100 ms";
        assert_eq!(kind(ended), Some((ErrorKind::Timeout, expected.to_owned())));
        gate.set(true);
        let begun = gate.arrived.load(SeqCst);
        until("the end of what was left", || {
            gate.over.load(SeqCst) == begun
        });
        gate.set(false);
    }
}

/// There is never more in the making than there are processors, and what has not begun never begins.
#[test]
fn what_nobody_waits_for_is_bounded() {
    let (_alone, gate) = closed();
    let processors = thread::available_parallelism().map_or(1, |number| number.get());
    let choice = slow_engines()[0];
    for number in 1..=processors {
        compile(&choice, leave_when(number)).expect_err("it was left");
    }
    for _ in 0..10 {
        let late = kind(compile(&choice, for_so_long(30)));
        assert_eq!(late.map(|(kind, _)| kind), Some(ErrorKind::Timeout));
    }
    assert_eq!(gate.arrived.load(SeqCst), processors);
    gate.set(true);
    compile(&choice, for_so_long(60_000)).expect("there is room again");
    until("the end of what was left", || {
        gate.over.load(SeqCst) == processors + 1
    });
    assert_eq!(gate.arrived.load(SeqCst), processors + 1);
}

const MODULE: &str = r#"(module (func (export "f")))"#;

fn small_limits() -> Options {
    let limits = Limits::default().with_module_bytes(1 << 20);
    Options::default().with_limits(limits)
}

/// What an engine must not get to see.
fn refused(manifest: &Manifest, options: &Options) -> Vec<Option<(ErrorKind, String)>> {
    let compiled = engines().map(|choice| choice.compile(manifest, options).map(drop));
    compiled.map(kind).collect()
}

fn all_are(kind: ErrorKind, text: &str) -> Vec<Option<(ErrorKind, String)>> {
    engines().map(|_| Some((kind, text.to_owned()))).collect()
}

/// Opening a pipe waits for somebody who writes to it.
#[cfg(unix)]
#[test]
fn a_module_is_a_pipe_that_nobody_writes_to() {
    let (_alone, _) = closed();
    let pipe = std::env::temp_dir().join(format!("polyextism-pipe-{}", std::process::id()));
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo runs").success());
    let manifest = Manifest::of(Source::Path(pipe.clone()));
    let options = Options::default().with_compiling(for_so_long(50));
    let expected = "compiling did not end within its time limit of 50 ms";
    assert_eq!(
        refused(&manifest, &options),
        all_are(ErrorKind::Timeout, expected)
    );
    let check = || Err(Error::new(ErrorKind::Cancelled, "enough"));
    let options = Options::default().with_compiling(Compiling::default().with_check(check));
    assert_eq!(
        refused(&manifest, &options),
        all_are(ErrorKind::Cancelled, "enough")
    );
    // Somebody does, to all who still read.
    std::fs::write(&pipe, MODULE).expect("there are readers");
    std::fs::remove_file(&pipe).expect("it is there");
}

#[cfg(target_os = "linux")]
#[test]
fn a_module_is_a_device_without_end() {
    let manifest = Manifest::of(Source::Path("/dev/zero".into()));
    let expected =
        "wasm[0].path: `/dev/zero` has more bytes than the limit `module_bytes` allows, 1048576";
    assert_eq!(
        refused(&manifest, &small_limits()),
        all_are(ErrorKind::InvalidModule, expected)
    );
}

/// Assembling takes up to 90 bytes of memory for each byte.
#[test]
fn text_is_bounded_before_it_is_assembled() {
    let text = |bytes: usize| {
        let text = format!("{MODULE}{}", " ".repeat(bytes - MODULE.len()));
        Manifest::of(text.into_bytes())
    };
    let expected = "wasm[0] has 262145 bytes of WebAssembly text, at most 262144 are allowed; assemble it to a binary, \
                    or raise the limit `module_bytes` to 1048580";
    assert_eq!(
        refused(&text(262_145), &small_limits()),
        all_are(ErrorKind::InvalidModule, expected)
    );
    for choice in engines() {
        let compiled = choice.compile(&text(262_144), &small_limits());
        compiled.expect("it is not too long");
    }
}

#[test]
fn the_wait_for_text_ends_too() {
    let (_alone, gate) = closed();
    let text = format!("(module {})", "(func)".repeat(50_000));
    let manifest = Manifest::of(text.into_bytes());
    for choice in slow_engines() {
        let check = || Err(Error::new(ErrorKind::Cancelled, "enough"));
        let options = Options::default().with_compiling(Compiling::default().with_check(check));
        let left = choice.compile(&manifest, &options);
        assert_eq!(
            kind(left),
            Some((ErrorKind::Cancelled, "enough".to_owned()))
        );
        assert_eq!(gate.arrived.load(SeqCst), 0);
    }
    until("quiet", forks::is_quiet);
}

/// Editors of Windows write one.
#[test]
fn text_begins_with_a_byte_order_mark() {
    let manifest = Manifest::parse(format!("\u{feff}{MODULE}").as_bytes()).expect("it is a module");
    for choice in engines() {
        let compiled = choice.compile(&manifest, &Options::default());
        compiled.expect("the mark does not count");
    }
}
