//! wasmtime alone.

use polyextism_benches::cases::Case;
use wasmtime::{Caller, Config, Engine, ExternType, Linker, Module, Result, Store, Strategy, Val};

use super::{Error, Instance, KERNEL, calls, kernel};
use crate::{
    Run,
    world::{self, World},
};

/// The defaults, and the compiler that the name of the engine says.
pub(super) fn config(engine: &str) -> Config {
    let mut config = Config::new();
    config.strategy(match engine {
        "wasmtime:winch" => Strategy::Winch,
        _ => Strategy::Cranelift,
    });
    // Only candidates have hints.
    config.wasm_branch_hinting(engine == "wasmtime");
    config
}

pub(super) fn run(config: &Config, case: &Case, module: &[u8]) -> Option<Run> {
    let engine = Engine::new(config).expect("it runs on this machine");
    let module = Module::new(&engine, module).ok()?;
    let kernel = Module::new(&engine, kernel()).expect("it compiles");
    Some(calls(case, move |world| {
        Alone::new(&engine, &kernel, &module, world)
    }))
}

struct Alone {
    store: Store<World>,
    kernel: wasmtime::Instance,
    instance: wasmtime::Instance,
}

impl Alone {
    fn new(engine: &Engine, kernel: &Module, module: &Module, world: World) -> Self {
        let mut store = Store::new(engine, world);
        // Only with epochs; it never comes.
        store.set_epoch_deadline(1);
        let mut linker = Linker::new(engine);
        let kernel = linker.instantiate(&mut store, kernel);
        let kernel = kernel.expect("it can be instantiated");
        let linked = linker.instance(&mut store, KERNEL, kernel);
        linked.expect("nothing else has this name");
        for import in module.imports() {
            let (from, name) = (import.module(), import.name());
            let known = world::function(from, name).zip(match import.ty() {
                ExternType::Func(ty) => Some(ty),
                _ => None,
            });
            if let Some((function, ty)) = known {
                let is_long = ty.results().next().is_some_and(|ty| ty.is_i64());
                let body =
                    move |caller: Caller<'_, World>, parameters: &[Val], results: &mut [Val]| {
                        let found = call(function, caller, parameters)?;
                        results.fill(match is_long {
                            true => Val::I64(found as i64),
                            false => Val::I32(found as i32),
                        });
                        Ok(())
                    };
                let defined = linker.func_new(from, name, ty, body);
                defined.expect("nothing else has this name");
            }
        }
        let defaults = linker.define_unknown_imports_as_default_values(&mut store, module);
        defaults.expect("every import has a default");
        let instance = linker.instantiate(&mut store, module);
        let instance = instance.expect("it can be instantiated");
        Self {
            store,
            kernel,
            instance,
        }
    }
}

impl Instance for Alone {
    fn call(&mut self, export: &str) -> Result<(), Error> {
        let function = self.instance.get_func(&mut self.store, export);
        let function = function.expect("the guest has it");
        let results = function.ty(&self.store).results().len();
        let mut results = vec![Val::I32(0); results];
        let outcome = function.call(&mut self.store, &[], &mut results);
        outcome.map_err(|error| Error::new(format!("{error:?}")))
    }

    fn has(&mut self, export: &str) -> bool {
        self.instance.get_func(&mut self.store, export).is_some()
    }

    fn kernel(&mut self, export: &str, parameter: Option<i64>) -> i64 {
        let function = self.kernel.get_func(&mut self.store, export);
        let parameter = parameter.map(Val::I64);
        let mut results = [Val::I64(0)];
        let called = function.expect("the kernel has it").call(
            &mut self.store,
            parameter.as_slice(),
            &mut results,
        );
        called.expect("it does not fail");
        results[0].unwrap_i64()
    }

    fn write(&mut self, offset: i64, bytes: &[u8]) {
        let memory = self.kernel.get_memory(&mut self.store, "memory");
        let memory = memory.expect("the kernel has it");
        let written = memory.write(&mut self.store, offset as usize, bytes);
        written.expect("the kernel has room");
    }

    fn read(&mut self, offset: i64, bytes: &mut [u8]) {
        let memory = self.kernel.get_memory(&mut self.store, "memory");
        let memory = memory.expect("the kernel has it");
        let read = memory.read(&self.store, offset as usize, bytes);
        read.expect("it is in the kernel");
    }

    fn world(&mut self) -> &mut World {
        self.store.data_mut()
    }
}

fn call(
    function: world::Function,
    mut caller: Caller<'_, World>,
    parameters: &[Val],
) -> Result<u64> {
    let mut slots = [0; 9];
    for (slot, parameter) in slots.iter_mut().zip(parameters) {
        *slot = match parameter {
            Val::I32(value) => *value as u32 as u64,
            Val::I64(value) => *value as u64,
            other => panic!("no function has {other:?}"),
        };
    }
    let memory = caller
        .get_export("memory")
        .and_then(wasmtime::Extern::into_memory);
    let memory = memory.expect("every guest exports its memory");
    let (memory, world) = memory.data_and_store_mut(&mut caller);
    Ok(function(world, memory, &slots[..parameters.len()])?)
}
