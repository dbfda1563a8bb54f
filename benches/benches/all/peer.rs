//! The crate `extism` beside the engines, in the same groups: the engine `extism` of each id.
//!
//! It gets the same guests, host functions and bounds, and is checked in the same way.

use criterion::{BatchSize, BenchmarkId, Criterion};
use extism::{
    CurrentPlugin, Function, Manifest, Plugin, PluginBuilder, UserData, Val, ValType, Wasm,
};
use polyextism::manifest::Source;
use polyextism_benches::{
    cases::Case,
    guests::{C, CALLS, Guest, SQLITE},
};

use crate::call;

const NAME: &str = "extism";

/// Every case that has no time limit of its own.
pub(crate) fn calls(criterion: &mut Criterion) {
    for (name, cases) in call::groups() {
        for case in cases {
            let mut group = criterion.benchmark_group(name);
            call::prepare(&mut group, &case);
            let mut plugin = plugin(case.guest, &case);
            check(&case, &mut plugin);
            group.bench_function(BenchmarkId::new(&case.id, NAME), |bencher| {
                bencher.iter(|| call(&case, &mut plugin).len());
            });
            check(&case, &mut plugin);
            group.finish();
        }
    }
}

/// Compiling, and instances of what is compiled.
pub(crate) fn start(criterion: &mut Criterion) {
    let compile = |manifest: Manifest, guest: &Guest| {
        let compiled = builder(manifest, guest).compile();
        compiled.expect("the guest compiles")
    };
    for (name, guest) in [("c", &C), ("sqlite", &SQLITE)] {
        let mut group = criterion.benchmark_group("compile");
        group.sample_size(10);
        group.bench_function(BenchmarkId::new(format!("{name}-cold"), NAME), |bencher| {
            bencher.iter_batched(
                || bounded(guest.unique_manifest()),
                |manifest| compile(manifest, guest),
                BatchSize::PerIteration,
            );
        });
        group.finish();
    }
    for (name, guest, function) in [("small", &CALLS, "noop"), ("sqlite", &SQLITE, "version")] {
        let compiled = compile(bounded(guest.manifest()), guest);
        let new = || Plugin::new_from_compiled(&compiled).expect("there is room for one");
        let mut group = criterion.benchmark_group("instantiate");
        group.bench_function(BenchmarkId::new(name, NAME), |bencher| bencher.iter(new));
        let id = BenchmarkId::new(format!("{name}-first-call"), NAME);
        group.bench_function(id, |bencher| {
            bencher.iter(|| {
                let mut plugin = new();
                let output = plugin.call::<&[u8], &[u8]>(function, b"");
                output.expect("the call succeeds").len()
            });
        });
        group.finish();
    }
}

fn plugin(guest: &Guest, case: &Case) -> Plugin {
    let mut manifest = bounded(guest.manifest());
    if let Some(limit) = case.limit {
        manifest = manifest.with_timeout(limit);
    }
    let plugin = builder(manifest, guest).build();
    plugin.expect("the guest can be instantiated")
}

/// The same module with the same bound.
fn bounded(own: polyextism::Manifest) -> Manifest {
    let [wasm] = &own.wasm[..] else {
        panic!("guests are one module");
    };
    let Source::Data(module) = &wasm.source else {
        panic!("guests are bytes");
    };
    let bound = own.memory.max_pages.expect("guests have one");
    Manifest::new([Wasm::data(module.clone())]).with_memory_max(bound)
}

fn builder(manifest: Manifest, guest: &Guest) -> PluginBuilder<'static> {
    PluginBuilder::new(manifest)
        .with_wasi(guest.options().wasi.is_some())
        .with_functions([
            function("increment", increment),
            function("turn_around", turn_around),
            function("hello_world", same),
        ])
}

fn call<'a>(case: &Case, plugin: &'a mut Plugin) -> &'a [u8] {
    let output = plugin.call(case.function, &*case.input);
    output.unwrap_or_else(|error| panic!("{}: {error}", case.id))
}

fn check(case: &Case, plugin: &mut Plugin) {
    case.check(call(case, plugin));
}

/// The body of a host function.
type Body = fn(&mut CurrentPlugin, &[Val], &mut [Val]) -> Result<(), extism::Error>;

fn function(name: &str, body: Body) -> Function {
    let one = [ValType::I64];
    let run = move |plugin: &mut CurrentPlugin, inputs: &[Val], outputs: &mut [Val], _| {
        body(plugin, inputs, outputs)
    };
    Function::new(name, one.clone(), one, UserData::new(()), run)
}

fn increment(
    _: &mut CurrentPlugin,
    inputs: &[Val],
    outputs: &mut [Val],
) -> Result<(), extism::Error> {
    outputs[0] = Val::I64(inputs[0].unwrap_i64().wrapping_add(1));
    Ok(())
}

fn turn_around(
    plugin: &mut CurrentPlugin,
    inputs: &[Val],
    outputs: &mut [Val],
) -> Result<(), extism::Error> {
    let mut bytes: Vec<u8> = plugin.memory_get_val(&inputs[0])?;
    bytes.reverse();
    plugin.memory_set_val(&mut outputs[0], bytes)
}

fn same(
    plugin: &mut CurrentPlugin,
    inputs: &[Val],
    outputs: &mut [Val],
) -> Result<(), extism::Error> {
    let bytes: Vec<u8> = plugin.memory_get_val(&inputs[0])?;
    plugin.memory_set_val(&mut outputs[0], bytes)
}
