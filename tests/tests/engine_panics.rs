//! A panic of an engine, in any of its steps, is an error of its own kind: it breaks the plug-in in which it
//! happened and no other.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
};

use polyextism::{
    BACKENDS, Capabilities, Choice, Compiled, Error, ErrorKind, Family, Host, Manifest, Options,
    Plugin, Pool, Result, Reuse,
    backend::{
        Backend, Compiler, DynEngine, Engine, EntryId, Guest, Instance, InstanceLimits, MemoryId,
        ModuleId, Program, Settings,
    },
    internal::{AnyModule, AnyPrepared, DynInstance},
};

/// Whether the engine panics at its next chance. Tests here run one after the other: there is only one.
static ARMED: AtomicBool = AtomicBool::new(false);

/// The steps of the narrow waist, each the name of a compiler that panics in it. What the first ones do
/// happens before there is a plug-in.
const BEFORE: [&str; 4] = ["open", "compile", "prepare", "instantiate"];
const DURING: [&str; 4] = ["entry", "enter", "split", "grow"];
const REQUEST_CHECK: &str = "request_check";

const fn compiler(name: &'static str) -> Compiler {
    Compiler {
        name,
        capabilities: Capabilities::NONE.memory_limit(true).interrupt(true),
    }
}

const PANICKING: &[Backend] = &[Backend {
    name: "panicking",
    version: "0",
    sources: "",
    compilers: &[
        compiler("open"),
        compiler("compile"),
        compiler("prepare"),
        compiler("instantiate"),
        compiler("entry"),
        compiler("enter"),
        compiler("split"),
        compiler("grow"),
        compiler("request_check"),
    ],
    left_out: &[],
    open,
}];

fn choice(step: &str) -> Choice {
    let spec = format!("panicking:{step}");
    Choice::parse(PANICKING, Some(&spec)).expect("it is in the list")
}

/// The first engine that is built in, which panics in one step.
struct Panicking {
    inside: Arc<dyn DynEngine>,
    step: &'static str,
}

struct PanickingInstance {
    inside: Box<dyn DynInstance>,
    step: &'static str,
}

fn reach(own: &str, step: &str) {
    if own == step && ARMED.swap(false, SeqCst) {
        panic!("by the test, in {step}");
    }
}

fn open(settings: &Settings) -> Result<Arc<dyn DynEngine>> {
    reach(settings.compiler, "open");
    let inside = &BACKENDS[0];
    let compiler = inside.compilers[0];
    let interruption = match compiler.capabilities.interrupt {
        true => settings.interruption,
        false => Default::default(),
    };
    let changed = settings
        .with_compiler(compiler.name)
        .with_interruption(interruption);
    let inside = (inside.open)(&changed)?;
    let step = settings.compiler;
    Ok(Arc::new(Panicking { inside, step }))
}

impl Engine for Panicking {
    type Module = AnyModule;
    type Prepared = AnyPrepared;
    type Instance = PanickingInstance;

    fn name(&self) -> &'static str {
        "panicking"
    }

    fn capabilities(&self) -> Capabilities {
        self.inside.capabilities()
    }

    fn compile(&self, wasm: &[u8]) -> Result<AnyModule> {
        reach(self.step, "compile");
        self.inside.compile(wasm)
    }

    fn prepare(&self, program: Program<AnyModule>) -> Result<AnyPrepared> {
        reach(self.step, "prepare");
        self.inside.prepare(program)
    }

    fn instantiate(
        &self,
        program: &AnyPrepared,
        host: Host,
        limits: &InstanceLimits,
    ) -> Result<PanickingInstance> {
        reach(self.step, "instantiate");
        let inside = self.inside.instantiate(program, host, limits)?;
        let step = self.step;
        Ok(PanickingInstance { inside, step })
    }

    fn request_check(&self) {
        reach(self.step, "request_check");
        self.inside.request_check();
    }
}

impl Guest for PanickingInstance {
    fn split(&mut self, memory: MemoryId) -> (&mut [u8], &mut Host) {
        reach(self.step, "split");
        self.inside.split(memory)
    }

    fn grow(&mut self, memory: MemoryId, pages: u64) -> Option<u64> {
        reach(self.step, "grow");
        self.inside.grow(memory, pages)
    }
}

impl Instance for PanickingInstance {
    fn entry(&mut self, module: ModuleId, export: &str) -> Option<EntryId> {
        reach(self.step, "entry");
        self.inside.entry(module, export)
    }

    fn enter(&mut self, entry: EntryId) -> Result<i32> {
        reach(self.step, "enter");
        self.inside.enter(entry)
    }
}

const GUEST: &str = r#"(module (memory (export "memory") 1)
  (func (export "f") (result i32) (i32.const 0))
  (func (export "endless") (loop $l (br $l)))"#;

/// Each is another module, so that its code is not there already.
fn compile(choice: &Choice) -> Result<Compiled> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, SeqCst);
    let text = format!("{GUEST} (data \"{number}\"))");
    choice.compile(&Manifest::of(text.into_bytes()), &Options::default())
}

/// More than fits into the kernel memory without growing.
const INPUT: &[u8] = &[0; 1 << 20];

fn panicked(error: &Error, step: &str) {
    assert_eq!(error.kind(), ErrorKind::EnginePanic, "{step}: {error}");
    assert_eq!(error.kind().name(), "engine-panic");
    assert_eq!(error.kind().family(), Family::Engine);
    let text = error.to_string();
    assert!(text.starts_with("the engine panicked while "), "{text}");
    let source = std::error::Error::source(error).map(ToString::to_string);
    assert_eq!(source, Some(format!("by the test, in {step}")));
}

#[test]
fn an_engine_that_panics_breaks_one_plugin() {
    // What is expected prints nothing.
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let text = info.payload().downcast_ref::<String>();
        if !text.is_some_and(|text| text.starts_with("by the test")) {
            usual(info);
        }
    }));
    for step in BEFORE {
        before_there_is_a_plugin(step);
    }
    for step in DURING {
        during_a_call(step);
        in_a_pool(step);
    }
    while_it_is_asked();
}

fn before_there_is_a_plugin(step: &str) {
    let choice = choice(step);
    let neighbour = compile(&choice).expect("nothing panics");
    let mut neighbour = Plugin::new(&neighbour).expect("nothing panics");
    ARMED.store(true, SeqCst);
    let made = compile(&choice).and_then(|compiled| Plugin::new(&compiled));
    panicked(&made.expect_err("it panics"), step);
    assert!(!ARMED.load(SeqCst));
    neighbour.call("f", b"").expect("it is not touched");
    let later = compile(&choice).and_then(|compiled| Plugin::new(&compiled));
    later
        .expect("nothing panics")
        .call("f", INPUT)
        .expect("it works");
}

fn during_a_call(step: &str) {
    let compiled = compile(&choice(step)).expect("nothing panics");
    let made = || Plugin::new(&compiled).expect("nothing panics");
    let mut neighbour = made();
    neighbour.call("f", b"").expect("nothing panics");
    let mut plugin = made();
    ARMED.store(true, SeqCst);
    panicked(&plugin.call("f", INPUT).expect_err("it panics"), step);
    for _ in 0..2 {
        let error = plugin.call("f", b"").expect_err("it is broken");
        assert_eq!(error.kind(), ErrorKind::EnginePanic, "{step}");
        assert_eq!(
            error.to_string(),
            "the plug-in cannot be used any more, because the engine panicked in an earlier call; \
             make another plug-in"
        );
    }
    // What needs no guest still works.
    plugin.reset();
    assert!(plugin.function_exists("f"));
    assert_eq!(plugin.host().config().len(), 0);
    assert_eq!(
        plugin.initialize().map_err(|e| e.kind()),
        Err(ErrorKind::EnginePanic)
    );
    drop(plugin);
    neighbour.call("f", INPUT).expect("it is not touched");
    made().call("f", INPUT).expect("later ones work");
}

fn in_a_pool(step: &str) {
    let compiled = compile(&choice(step)).expect("nothing panics");
    let one = std::num::NonZeroUsize::MIN;
    let pool = Pool::with(&compiled, one, Reuse::Guest);
    let mut lent = pool.get(None).expect("there is one");
    ARMED.store(true, SeqCst);
    panicked(&lent.call("f", INPUT).expect_err("it panics"), step);
    drop(lent);
    let mut lent = pool.get(None).expect("there is another one");
    lent.call("f", INPUT).expect("it works");
}

/// The watchdog goes on, so the call still ends.
fn while_it_is_asked() {
    let choice = choice(REQUEST_CHECK);
    let mut plugin = Plugin::new(&compile(&choice).expect("nothing panics")).expect("it starts");
    plugin.set_timeout(Some(std::time::Duration::from_millis(20)));
    ARMED.store(true, SeqCst);
    let error = plugin.call("endless", b"").expect_err("its time ends");
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error}");
}
