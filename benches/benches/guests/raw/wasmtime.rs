//! wasmtime alone.

use polyextism_benches::cases::Case;
use wasmtime::{Caller, Config, Engine, ExternType, Linker, Module, Result, Store, Strategy, Val};

use super::{Error, Instance, calls};
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
    config
}

pub(super) fn run(config: &Config, case: &Case, module: &[u8]) -> Option<Run> {
    let engine = Engine::new(config).expect("it runs on this machine");
    let module = Module::new(&engine, module).ok()?;
    Some(calls(case, move |world| {
        Alone::new(&engine, &module, world)
    }))
}

struct Alone {
    store: Store<World>,
    instance: wasmtime::Instance,
}

impl Alone {
    fn new(engine: &Engine, module: &Module, world: World) -> Self {
        let mut store = Store::new(engine, world);
        // Only with epochs; it never comes.
        store.set_epoch_deadline(1);
        let mut linker = Linker::new(engine);
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
        Self { store, instance }
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
