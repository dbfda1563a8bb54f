//! wasmi alone.

use polyextism_benches::cases::Case;
use wasmi::{
    Caller, Config, Engine, Extern, ExternType, Func, FuncType, Global, Linker, Memory, Module,
    Ref, Store, Table, Val, ValType,
};

use super::{Error, Instance, KERNEL, calls, kernel};
use crate::{
    Run,
    world::{self, World},
};

pub(super) fn run(config: &Config, case: &Case, module: &[u8]) -> Option<Run> {
    let engine = Engine::new(config);
    let module = Module::new(&engine, module).ok()?;
    let kernel = Module::new(&engine, kernel()).expect("it compiles");
    Some(calls(case, move |world| {
        Alone::new(&engine, &kernel, &module, world)
    }))
}

struct Alone {
    store: Store<World>,
    kernel: wasmi::Instance,
    instance: wasmi::Instance,
}

impl Alone {
    fn new(engine: &Engine, kernel: &Module, module: &Module, world: World) -> Self {
        let mut store = Store::new(engine, world);
        // Only where it is counted; it never runs out.
        let _counted = store.set_fuel(u64::MAX).is_ok();
        let mut linker = Linker::new(engine);
        let kernel = linker.instantiate_and_start(&mut store, kernel);
        let kernel = kernel.expect("it can be instantiated");
        for import in module.imports() {
            let (from, name) = (import.module(), import.name());
            let known = match from {
                KERNEL => kernel.get_export(&store, name),
                _ => None,
            };
            let it = match (import.ty(), world::function(from, name)) {
                _ if known.is_some() => known.expect("it is there"),
                (ExternType::Func(ty), Some(function)) => host_function(&mut store, function, ty),
                (ty, _) => nothing(&mut store, ty),
            };
            let defined = linker.define(from, name, it);
            defined.expect("nothing else has this name");
        }
        let instance = linker.instantiate_and_start(&mut store, module);
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
        let function = self.instance.get_func(&self.store, export);
        let function = function.expect("the guest has it");
        let results = function.ty(&self.store).results().len();
        let mut results = vec![Val::I32(0); results];
        let outcome = function.call(&mut self.store, &[], &mut results);
        outcome.map_err(Error::new)
    }

    fn has(&mut self, export: &str) -> bool {
        self.instance.get_func(&self.store, export).is_some()
    }

    fn kernel(&mut self, export: &str, parameter: Option<i64>) -> i64 {
        let function = self.kernel.get_func(&self.store, export);
        let parameter = parameter.map(Val::I64);
        let mut results = [Val::I64(0)];
        let called = function.expect("the kernel has it").call(
            &mut self.store,
            parameter.as_slice(),
            &mut results,
        );
        called.expect("it does not fail");
        results[0].i64().expect("that is its type")
    }

    fn write(&mut self, offset: i64, bytes: &[u8]) {
        let memory = self.kernel.get_memory(&self.store, "memory");
        let memory = memory.expect("the kernel has it");
        let written = memory.write(&mut self.store, offset as usize, bytes);
        written.expect("the kernel has room");
    }

    fn read(&mut self, offset: i64, bytes: &mut [u8]) {
        let memory = self.kernel.get_memory(&self.store, "memory");
        let memory = memory.expect("the kernel has it");
        let read = memory.read(&self.store, offset as usize, bytes);
        read.expect("it is in the kernel");
    }

    fn world(&mut self) -> &mut World {
        self.store.data_mut()
    }
}

fn host_function(store: &mut Store<World>, function: world::Function, ty: &FuncType) -> Extern {
    let body = move |mut caller: Caller<'_, World>, parameters: &[Val], results: &mut [Val]| {
        let mut slots = [0; 9];
        for (slot, parameter) in slots.iter_mut().zip(parameters) {
            *slot = match parameter {
                Val::I32(value) => *value as u32 as u64,
                Val::I64(value) => *value as u64,
                other => panic!("no function has {other:?}"),
            };
        }
        let memory = caller.get_export("memory").and_then(Extern::into_memory);
        let memory = memory.expect("every guest exports its memory");
        let (memory, world) = memory.data_and_store_mut(&mut caller);
        let found = function(world, memory, &slots[..parameters.len()]);
        let found = found.map_err(|error| wasmi::Error::new(error.to_string()))?;
        for result in results {
            *result = match result.ty() {
                ValType::I32 => Val::I32(found as i32),
                ValType::I64 => Val::I64(found as i64),
                other => panic!("no function has {other:?}"),
            };
        }
        Ok(())
    };
    Func::new(store, ty.clone(), body).into()
}

/// What an import is given that nobody knows.
fn nothing(store: &mut Store<World>, ty: &ExternType) -> Extern {
    match ty {
        ExternType::Func(ty) => {
            let zeros = ty.results().iter().map(|ty| Val::default_for_ty(*ty));
            let zeros: Vec<_> = zeros.collect();
            let func = Func::new(store, ty.clone(), move |_, _, results| {
                results.clone_from_slice(&zeros);
                Ok(())
            });
            func.into()
        }
        ExternType::Global(ty) => {
            Global::new(store, Val::default_for_ty(ty.content()), ty.mutability()).into()
        }
        ExternType::Memory(ty) => {
            let made = Memory::new(store, *ty);
            made.expect("there is room for it").into()
        }
        ExternType::Table(ty) => {
            let made = Table::new(store, *ty, Ref::default_for_ty(ty.element()));
            made.expect("there is room for it").into()
        }
    }
}
