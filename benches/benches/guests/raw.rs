//! Engines alone, as they are by default: optimised code without any check.
//!
//! What a module imports is there, but does nothing: functions return zeros, memories and tables have their
//! least size, globals are zero. A step that puts checks into a kernel can import what they use.

use crate::Run;

/// A kernel on an engine alone; `None` if the engine is not known or refuses the module.
pub(crate) fn run(engine: &str, module: &[u8]) -> Option<Run> {
    match engine {
        "wasmtime" => wasmtime::run(module, &wasmtime::config(wasmtime::CRANELIFT)),
        "wasmtime:winch" => wasmtime::run(module, &wasmtime::config(wasmtime::WINCH)),
        "wasmer" => wasmer::run(module, ::wasmer::sys::Cranelift::new()),
        "wasmer:singlepass" => wasmer::run(module, ::wasmer::sys::Singlepass::new()),
        #[cfg(feature = "wasmi")]
        "wasmi" => wasmi::run(module),
        _ => None,
    }
}

/// The same with the interruption that the engine itself has, if it has any.
pub(crate) fn with_epochs(engine: &str, module: &[u8]) -> Option<Run> {
    let mut config = match engine {
        "wasmtime" => wasmtime::config(wasmtime::CRANELIFT),
        "wasmtime:winch" => wasmtime::config(wasmtime::WINCH),
        _ => return None,
    };
    config.epoch_interruption(true);
    wasmtime::run(module, &config)
}

mod wasmtime {
    use wasmtime::{Config, Engine, Linker, Module, Store, Strategy};

    use crate::Run;

    pub(super) const CRANELIFT: Strategy = Strategy::Cranelift;
    pub(super) const WINCH: Strategy = Strategy::Winch;

    pub(super) fn config(strategy: Strategy) -> Config {
        let mut config = Config::new();
        config.strategy(strategy);
        config
    }

    pub(super) fn run(module: &[u8], config: &Config) -> Option<Run> {
        let engine = Engine::new(config).expect("it runs on this machine");
        let module = Module::new(&engine, module).ok()?;
        let mut store = Store::new(&engine, ());
        store.set_epoch_deadline(1);
        let mut linker = Linker::new(&engine);
        let defaults = linker.define_unknown_imports_as_default_values(&mut store, &module);
        defaults.expect("every import has a default");
        let instance = linker.instantiate(&mut store, &module);
        let instance = instance.expect("it can be instantiated");
        let work = instance.get_typed_func::<(), u32>(&mut store, "work");
        let work = work.expect("the kernel has it");
        Some(Box::new(move || {
            work.call(&mut store, ()).expect("a kernel does not fail")
        }))
    }
}

mod wasmer {
    use wasmer::{
        Engine, Extern, ExternType, Function, Global, Imports, Instance, Memory, Module, Store,
        Table, Type, Value,
        sys::{CompilerConfig, EngineBuilder},
    };

    use crate::Run;

    pub(super) fn run(module: &[u8], compiler: impl Into<Box<dyn CompilerConfig>>) -> Option<Run> {
        let engine = Engine::from(EngineBuilder::new(compiler));
        let module = Module::new(&engine, module).ok()?;
        let mut store = Store::new(engine);
        let mut imports = Imports::new();
        for import in module.imports() {
            let it = nothing(&mut store, import.ty());
            imports.define(import.module(), import.name(), it);
        }
        let instance = Instance::new(&mut store, &module, &imports);
        let instance = instance.expect("it can be instantiated");
        let work = instance
            .exports
            .get_typed_function::<(), u32>(&store, "work");
        let work = work.expect("the kernel has it");
        Some(Box::new(move || {
            work.call(&mut store).expect("a kernel does not fail")
        }))
    }

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
            ExternType::Tag(_) => panic!("a kernel imports no exceptions"),
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
}

#[cfg(feature = "wasmi")]
mod wasmi {
    use wasmi::{
        Engine, Extern, ExternType, Func, Global, Linker, Memory, Module, Mutability, Ref, Store,
        Table, Val,
    };

    use crate::Run;

    pub(super) fn run(module: &[u8]) -> Option<Run> {
        let engine = Engine::default();
        let module = Module::new(&engine, module).ok()?;
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        for import in module.imports() {
            let it = nothing(&mut store, import.ty());
            let defined = linker.define(import.module(), import.name(), it);
            defined.expect("nothing else has this name");
        }
        let instance = linker.instantiate_and_start(&mut store, &module);
        let instance = instance.expect("it can be instantiated");
        let work = instance.get_typed_func::<(), u32>(&store, "work");
        let work = work.expect("the kernel has it");
        Some(Box::new(move || {
            work.call(&mut store, ()).expect("a kernel does not fail")
        }))
    }

    fn nothing(store: &mut Store<()>, ty: &ExternType) -> Extern {
        match ty {
            ExternType::Func(ty) => {
                let zeros: Vec<_> = ty
                    .results()
                    .iter()
                    .map(|ty| Val::default_for_ty(*ty))
                    .collect();
                let func = Func::new(store, ty.clone(), move |_, _, results| {
                    results.clone_from_slice(&zeros);
                    Ok(())
                });
                func.into()
            }
            ExternType::Global(ty) => {
                let mutability = match ty.mutability() {
                    Mutability::Var => Mutability::Var,
                    Mutability::Const => Mutability::Const,
                };
                Global::new(store, Val::default_for_ty(ty.content()), mutability).into()
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
}
