//! The engines alone, by their own typed calls and with their own defaults: what there is to reach.
//!
//! `call/noop-raw/…` is what `call/noop/…` adds to, `host/i64-x1000-raw/…` what `host/i64-x1000/…` does.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};

/// A no-op, and a thousand calls of a host function whose last result is returned.
const GUEST: &str = r#"
(module
  (import "host" "increment" (func $increment (param i64) (result i64)))
  (func (export "noop") (result i32) (i32.const 0))
  (func (export "host") (result i64) (local $n i64)
    (loop $again
      (local.set $n (call $increment (local.get $n)))
      (br_if $again (i64.lt_u (local.get $n) (i64.const 1000))))
    (local.get $n)))
"#;

/// An engine without polyextism: a no-op and the thousand calls.
struct Alone<N, H> {
    engine: &'static str,
    noop: N,
    host: H,
}

impl<N: FnMut() -> i32, H: FnMut() -> i64> Alone<N, H> {
    fn measure(mut self, criterion: &mut Criterion) {
        assert_eq!((self.noop)(), 0);
        assert_eq!((self.host)(), 1000);
        let mut group = criterion.benchmark_group("call");
        group.throughput(Throughput::Elements(1));
        let id = BenchmarkId::new("noop-raw", self.engine);
        group.bench_function(id, |bencher| bencher.iter(&mut self.noop));
        group.finish();
        let mut group = criterion.benchmark_group("host");
        group.throughput(Throughput::Elements(1000));
        let id = BenchmarkId::new("i64-x1000-raw", self.engine);
        group.bench_function(id, |bencher| bencher.iter(&mut self.host));
        group.finish();
    }
}

/// Every engine that is known here.
pub(crate) fn alone(criterion: &mut Criterion) {
    wasmtime(criterion, "wasmtime", wasmtime::Strategy::Cranelift);
    wasmtime(criterion, "wasmtime:winch", wasmtime::Strategy::Winch);
    wasmer(criterion, "wasmer", wasmer::sys::Cranelift::new());
    wasmer(
        criterion,
        "wasmer:singlepass",
        wasmer::sys::Singlepass::new(),
    );
}

fn wasmtime(criterion: &mut Criterion, engine: &'static str, strategy: wasmtime::Strategy) {
    use wasmtime::{Config, Engine, Linker, Module, Store};

    let mut config = Config::new();
    config.strategy(strategy);
    let own = Engine::new(&config).expect("it runs on this machine");
    let wasm = wat::parse_str(GUEST).expect("the text is fine");
    let module = Module::new(&own, wasm).expect("the guest compiles");
    let mut linker = Linker::new(&own);
    let increment = |n: i64| black_box(n).wrapping_add(1);
    let defined = linker.func_wrap("host", "increment", increment);
    defined.expect("nothing else has this name");
    // One store for each of the two closures.
    let start = || {
        let mut store = Store::new(&own, ());
        let instance = linker.instantiate(&mut store, &module);
        (instance.expect("it can be instantiated"), store)
    };
    let (instance, mut store) = start();
    let noop = instance.get_typed_func::<(), i32>(&mut store, "noop");
    let noop = noop.expect("the guest has it");
    let (instance, mut other) = start();
    let host = instance.get_typed_func::<(), i64>(&mut other, "host");
    let host = host.expect("the guest has it");
    let noop = move || noop.call(&mut store, ()).expect("it does nothing");
    let host = move || host.call(&mut other, ()).expect("it only counts");
    Alone { engine, noop, host }.measure(criterion);
}

fn wasmer(
    criterion: &mut Criterion,
    engine: &'static str,
    compiler: impl Into<Box<dyn wasmer::sys::CompilerConfig>>,
) {
    use wasmer::{Function, Instance, Module, Store, imports, sys::EngineBuilder};

    let own = wasmer::Engine::from(EngineBuilder::new(compiler));
    let wasm = wat::parse_str(GUEST).expect("the text is fine");
    let module = Module::new(&own, wasm).expect("the guest compiles");
    let start = || {
        let mut store = Store::new(own.clone());
        let increment = |n: i64| black_box(n).wrapping_add(1);
        let increment = Function::new_typed(&mut store, increment);
        let imports = imports! { "host" => { "increment" => increment } };
        let instance = Instance::new(&mut store, &module, &imports);
        (instance.expect("it can be instantiated").exports, store)
    };
    let (exports, mut store) = start();
    let noop = exports.get_typed_function::<(), i32>(&store, "noop");
    let noop = noop.expect("the guest has it");
    let (exports, mut other) = start();
    let host = exports.get_typed_function::<(), i64>(&other, "host");
    let host = host.expect("the guest has it");
    let noop = move || noop.call(&mut store).expect("it does nothing");
    let host = move || host.call(&mut other).expect("it only counts");
    Alone { engine, noop, host }.measure(criterion);
}
