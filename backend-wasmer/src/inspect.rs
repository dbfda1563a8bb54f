//! Inspection of a live program: any exported function, global or memory.
//!
//! This file does not know its users. Nothing here is on the call path.

use polyextism_core::backend::{
    Inspect, ModuleId, Result, Value,
    inspect::{impassable, miscounted, misfit, missing},
};
use wasmer::Exports;

use crate::{
    conv,
    instance::{self, Instance},
    limits,
};

impl Instance {
    fn exports(&self, module: ModuleId) -> Option<&Exports> {
        let instance = self.instances.get(module.0 as usize)?;
        Some(&instance.exports)
    }
}

impl Inspect for Instance {
    fn call(&mut self, module: ModuleId, export: &str, args: &[Value]) -> Result<Vec<Value>> {
        let exports = self.exports(module);
        let func = exports.and_then(|exports| exports.get_function(export).ok());
        let func = func.ok_or_else(|| missing("function", module, export))?;
        let func = func.clone();
        let ty = func.ty(&self.store);
        let params = ty.params();
        if args.len() != params.len() {
            return Err(miscounted(export, args.len(), params.len()));
        }
        let mut values = Vec::with_capacity(args.len());
        for (position, (value, ty)) in args.iter().zip(params).enumerate() {
            let value = conv::to_argument(&mut self.store, value, *ty);
            values.push(value.ok_or_else(|| misfit(export, position, &args[position]))?);
        }
        let results = limits::on_enough_stack(|| func.call(&mut self.store, &values));
        let results = results.map_err(|source| self.failed(source))?;
        let results = results
            .iter()
            .map(|value| conv::to_known(&self.store, value));
        let results = results.collect::<Option<_>>();
        results.ok_or_else(|| impassable(self.name))
    }

    fn global(&mut self, module: ModuleId, export: &str) -> Result<Value> {
        let exports = self.exports(module);
        let global = exports.and_then(|exports| exports.get_global(export).ok());
        let global = global.ok_or_else(|| missing("global", module, export))?;
        let value = global.clone().get(&mut self.store);
        conv::to_known(&self.store, &value).ok_or_else(|| impassable(self.name))
    }

    fn memory(&mut self, module: ModuleId, export: &str) -> Result<&[u8]> {
        let exports = self.exports(module);
        let memory = exports.and_then(|exports| exports.get_memory(export).ok());
        let memory = memory.ok_or_else(|| missing("memory", module, export))?;
        let memory = memory.clone();
        Ok(instance::bytes(&memory, &mut self.store))
    }
}
