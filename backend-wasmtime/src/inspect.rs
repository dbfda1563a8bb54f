//! Inspection of a live program: any exported function, global or memory.
//!
//! This file does not know its users. Nothing here is on the call path.

use polyextism_core::backend::{
    Inspect, ModuleId, Result, Value,
    inspect::{impassable, miscounted, misfit, missing},
};
use wasmtime::{AsContextMut, Extern, RootScope, Val};

use crate::{conv, instance::Instance, limits};

impl Instance {
    fn exported(&mut self, module: ModuleId, export: &str) -> Option<Extern> {
        let instance = *self.instances.get(module.0 as usize)?;
        instance.get_export(&mut self.store, export)
    }
}

impl Inspect for Instance {
    fn call(&mut self, module: ModuleId, export: &str, args: &[Value]) -> Result<Vec<Value>> {
        let func = self.exported(module, export).and_then(Extern::into_func);
        let func = func.ok_or_else(|| missing("function", module, export))?;
        let name = self.name;
        let ty = func.ty(&self.store);
        if args.len() != ty.params().len() {
            return Err(miscounted(export, args.len(), ty.params().len()));
        }
        let called = {
            // References of the host live as long as this scope.
            let mut store = RootScope::new(&mut self.store);
            let mut values = Vec::with_capacity(args.len());
            for (position, (value, ty)) in args.iter().zip(ty.params()).enumerate() {
                let value = conv::to_val(&mut store, value, &ty, name)?;
                values.push(value.ok_or_else(|| misfit(export, position, &args[position]))?);
            }
            let mut results = vec![Val::I32(0); ty.results().len()];
            let called = limits::on_enough_stack(|| {
                func.call(store.as_context_mut(), &values, &mut results)
            });
            called.map(|()| {
                let results = results
                    .iter()
                    .map(|value| conv::to_value(&mut store, value));
                results.collect::<Option<_>>()
            })
        };
        match called {
            Ok(results) => results.ok_or_else(|| impassable(name)),
            Err(source) => Err(self.failed(source)),
        }
    }

    fn global(&mut self, module: ModuleId, export: &str) -> Result<Value> {
        let global = self.exported(module, export).and_then(Extern::into_global);
        let global = global.ok_or_else(|| missing("global", module, export))?;
        let mut store = RootScope::new(&mut self.store);
        let value = global.get(store.as_context_mut());
        conv::to_value(&mut store, &value).ok_or_else(|| impassable(self.name))
    }

    fn memory(&mut self, module: ModuleId, export: &str) -> Result<&[u8]> {
        let memory = self.exported(module, export).and_then(Extern::into_memory);
        let memory = memory.ok_or_else(|| missing("memory", module, export))?;
        Ok(memory.data(&self.store))
    }
}
