//! Inspection of a live program: any exported function, global or memory.
//!
//! This file does not know its users. Nothing here is on the call path.

use polyextism_core::backend::{
    Inspect, ModuleId, Result, Value,
    inspect::{impassable, miscounted, misfit, missing},
};
use wasmi::{Extern, Val};

use crate::{BACKEND, calls, conv, instance::Instance};

impl Instance {
    fn exported(&self, module: ModuleId, export: &str) -> Option<Extern> {
        let instance = self.instances.get(module.0 as usize)?;
        instance.get_export(&self.store, export)
    }
}

impl Inspect for Instance {
    fn call(&mut self, module: ModuleId, export: &str, args: &[Value]) -> Result<Vec<Value>> {
        let func = self.exported(module, export).and_then(Extern::into_func);
        let func = func.ok_or_else(|| missing("function", module, export))?;
        let ty = func.ty(&self.store);
        if args.len() != ty.params().len() {
            return Err(miscounted(export, args.len(), ty.params().len()));
        }
        let mut values = Vec::with_capacity(args.len());
        for (position, (value, ty)) in args.iter().zip(ty.params()).enumerate() {
            let argument = conv::to_argument(&mut self.store, value, *ty);
            values.push(argument.ok_or_else(|| misfit(export, position, value))?);
        }
        let results = ty.results().iter().copied();
        let mut results: Vec<_> = results.map(Val::default_for_ty).collect();
        calls::any(&mut self.store, &func, &values, &mut results)?;
        let results = results
            .iter()
            .map(|value| conv::to_value(&self.store, value));
        let results = results.collect::<Option<_>>();
        results.ok_or_else(|| impassable(BACKEND.name))
    }

    fn global(&mut self, module: ModuleId, export: &str) -> Result<Value> {
        let global = self.exported(module, export).and_then(Extern::into_global);
        let global = global.ok_or_else(|| missing("global", module, export))?;
        let value = global.get(&self.store);
        conv::to_value(&self.store, &value).ok_or_else(|| impassable(BACKEND.name))
    }

    fn memory(&mut self, module: ModuleId, export: &str) -> Result<&[u8]> {
        let memory = self.exported(module, export).and_then(Extern::into_memory);
        let memory = memory.ok_or_else(|| missing("memory", module, export))?;
        Ok(memory.data(&self.store))
    }
}
