//! wasmer alone.

use polyextism_benches::cases::Case;
use wasmer::{
    Engine, Extern, ExternType, Function, FunctionEnv, FunctionEnvMut, FunctionType, Global,
    Imports, Memory, Module, RuntimeError, Store, Table, Type, Value, WasmSlice,
    sys::{CompilerConfig, EngineBuilder},
};

use super::{Error, Instance, KERNEL, calls, kernel};
use crate::{
    Run,
    world::{self, World},
};

pub(super) fn run(
    compiler: impl Into<Box<dyn CompilerConfig>>,
    case: &Case,
    module: &[u8],
) -> Option<Run> {
    let engine = Engine::from(EngineBuilder::new(compiler));
    let module = Module::new(&engine, module).ok()?;
    let kernel = Module::new(&engine, kernel()).expect("it compiles");
    Some(calls(case, move |world| {
        Alone::new(&engine, &kernel, &module, world)
    }))
}

struct Alone {
    store: Store,
    environment: FunctionEnv<Around>,
    kernel: wasmer::Instance,
    instance: wasmer::Instance,
}

/// What host functions see.
struct Around {
    world: World,
    memory: Option<Memory>,
}

impl Alone {
    fn new(engine: &Engine, kernel: &Module, module: &Module, world: World) -> Self {
        let mut store = Store::new(engine.clone());
        let around = Around {
            world,
            memory: None,
        };
        let environment = FunctionEnv::new(&mut store, around);
        let mut imports = Imports::new();
        let kernel = wasmer::Instance::new(&mut store, kernel, &imports);
        let kernel = kernel.expect("it can be instantiated");
        for import in module.imports() {
            let (from, name) = (import.module(), import.name());
            let known = world::function(from, name).zip(match import.ty() {
                ExternType::Function(ty) => Some(ty.clone()),
                _ => None,
            });
            let kept = match from {
                KERNEL => kernel.exports.get_extern(name).cloned(),
                _ => None,
            };
            let it = match known {
                _ if kept.is_some() => kept.expect("it is there"),
                Some((function, ty)) => host_function(&mut store, &environment, function, ty),
                None => nothing(&mut store, import.ty()),
            };
            imports.define(from, name, it);
        }
        let instance = wasmer::Instance::new(&mut store, module, &imports);
        let instance = instance.expect("it can be instantiated");
        let memory = instance.exports.get_memory("memory").cloned();
        environment.as_mut(&mut store).memory = memory.ok();
        Self {
            store,
            environment,
            kernel,
            instance,
        }
    }
}

impl Instance for Alone {
    fn call(&mut self, export: &str) -> Result<(), Error> {
        let function = self.instance.exports.get_function(export);
        let function = function.expect("the guest has it");
        let outcome = function.call(&mut self.store, &[]);
        outcome.map(drop).map_err(Error::new)
    }

    fn has(&mut self, export: &str) -> bool {
        self.instance.exports.get_function(export).is_ok()
    }

    fn kernel(&mut self, export: &str, parameter: Option<i64>) -> i64 {
        let function = self.kernel.exports.get_function(export);
        let parameter = parameter.map(Value::I64);
        let function = function.expect("the kernel has it");
        let results = function.call(&mut self.store, parameter.as_slice());
        results.expect("it does not fail")[0].unwrap_i64()
    }

    fn write(&mut self, offset: i64, bytes: &[u8]) {
        let memory = self.kernel.exports.get_memory("memory");
        let view = memory.expect("the kernel has it").view(&self.store);
        let written = view.write(offset as u64, bytes);
        written.expect("the kernel has room");
    }

    fn read(&mut self, offset: i64, bytes: &mut [u8]) {
        let memory = self.kernel.exports.get_memory("memory");
        let view = memory.expect("the kernel has it").view(&self.store);
        let read = view.read(offset as u64, bytes);
        read.expect("it is in the kernel");
    }

    fn world(&mut self) -> &mut World {
        &mut self.environment.as_mut(&mut self.store).world
    }
}

fn host_function(
    store: &mut Store,
    environment: &FunctionEnv<Around>,
    function: world::Function,
    ty: FunctionType,
) -> Extern {
    let results = ty.results().to_vec();
    let body = move |mut environment: FunctionEnvMut<'_, Around>, parameters: &[Value]| {
        let mut slots = [0; 9];
        for (slot, parameter) in slots.iter_mut().zip(parameters) {
            *slot = match parameter {
                Value::I32(value) => *value as u32 as u64,
                Value::I64(value) => *value as u64,
                other => panic!("no function has {other:?}"),
            };
        }
        let (around, store) = environment.data_and_store_mut();
        let memory = around
            .memory
            .as_ref()
            .expect("every guest exports its memory");
        let view = memory.view(&store);
        let whole = WasmSlice::<u8>::new(&view, 0, view.data_size());
        let mut whole = whole.and_then(WasmSlice::access).expect("it is all of it");
        let found = function(
            &mut around.world,
            whole.as_mut(),
            &slots[..parameters.len()],
        );
        let found = found.map_err(|error| RuntimeError::user(Box::new(error)))?;
        let values = results.iter().map(|ty| match ty {
            Type::I32 => Value::I32(found as i32),
            Type::I64 => Value::I64(found as i64),
            other => panic!("no function has {other}"),
        });
        Ok(values.collect())
    };
    Function::new_with_env(store, environment, ty, body).into()
}

/// What an import is given that nobody knows.
fn nothing(store: &mut Store, ty: &ExternType) -> Extern {
    match ty {
        ExternType::Function(ty) => {
            let results: Vec<_> = ty.results().iter().map(zero).collect();
            Function::new(store, ty, move |_| Ok(results.clone())).into()
        }
        ExternType::Global(ty) if ty.mutability.is_mutable() => {
            Global::new_mut(store, zero(&ty.ty)).into()
        }
        ExternType::Global(ty) => Global::new(store, zero(&ty.ty)).into(),
        ExternType::Memory(ty) => {
            let made = Memory::new(store, *ty);
            made.expect("there is room for it").into()
        }
        ExternType::Table(ty) => {
            let made = Table::new(store, *ty, zero(&ty.ty));
            made.expect("there is room for it").into()
        }
        ExternType::Tag(_) => panic!("no guest imports exceptions"),
    }
}

fn zero(ty: &Type) -> Value {
    match ty {
        Type::I32 => Value::I32(0),
        Type::I64 => Value::I64(0),
        Type::F32 => Value::F32(0.0),
        Type::F64 => Value::F64(0.0),
        Type::V128 => Value::V128(0),
        Type::ExternRef => Value::ExternRef(None),
        Type::FuncRef => Value::FuncRef(None),
        Type::ExceptionRef => Value::ExceptionRef(None),
    }
}
