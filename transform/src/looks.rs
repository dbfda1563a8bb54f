//! Looks: where a guest looks whether it may just go on, so that nothing runs for long without one.
//!
//! `plan` says where a function looks, with the rules; `write` says how. `calls`, `counted`, `liveness`, `passed`,
//! `since` and `turns` find out what `plan` needs to know, `spare` has the globals that `write` needs. `interrupt` makes
//! guests look at a flag, `budget` at a budget, `meter` at their fuel.
//!
//! It knows nothing of why a guest has to stop. Invariants: a function computes the same; whatever a guest does,
//! there is a look after a bounded amount of work, apart from single instructions that move much memory.

mod calls;
mod counted;
pub(crate) mod flat;
mod liveness;
mod passed;
mod plan;
mod since;
mod spare;
mod turns;
mod write;

use std::ops::Range;

use wasm_encoder::reencode;

pub(crate) use self::{
    plan::Layout,
    spare::Spare,
    write::{Body, Flag, Form, Part},
};

use self::{
    calls::Calls,
    flat::Flat,
    plan::{Plan, Planner, Size},
    write::Writer,
};
use crate::{
    parallel::{self, Promised},
    rewrite::{self, Moved, Shape},
};

/// The functions of a module with their looks.
pub(crate) struct Looking {
    /// In the order of the module.
    pub(crate) bodies: Vec<Body>,
    calls: Calls,
}

impl Looking {
    /// The functions, callees before callers where that is possible.
    pub(crate) fn order(&self) -> &[usize] {
        &self.calls.order
    }

    /// Whether a call that names no function may reach one of another module.
    pub(crate) fn leaves(&self) -> bool {
        self.calls.leaves
    }

    /// Whether all calls of a function name it, return to the caller, and come after it in the order.
    pub(crate) fn is_known_to_callers(&self, function: usize) -> bool {
        self.calls.is_known_to_callers(function)
    }
}

/// Writes the functions of a module with their looks. Those of `without` get none.
pub(crate) fn write(
    wasm: &[u8],
    shape: &Shape,
    moved: Moved,
    form: Form,
    without: &Range<u32>,
    spare: &mut Spare,
) -> Result<Looking, reencode::Error> {
    let calls = Calls::read(wasm, shape)?;
    let code = rewrite::code(wasm)?;
    let imported = shape.imported_functions();
    let costs: Vec<_> = code.iter().map(|_| Promised::new()).collect();
    let write = |&function: &usize| {
        let cost = costs[function].promise();
        let ty = shape.function_type(shape.functions[function]);
        let flat = Flat::read(&code[function], ty.params())?;
        let planner = Planner {
            size: match form {
                Form::Flag(_) => Size::Small,
                Form::Marked => Size::Large,
            },
            calls: &calls,
            imported,
            function,
            costs: &costs,
        };
        let plan = match without.contains(&(imported + function as u32)) {
            true => Plan::default(),
            false => planner.plan(&flat),
        };
        cost.keep(plan.cost);
        Writer::new(moved, wasm, &flat, &plan, form, spare.width()).write()
    };
    // Callees first: who calls must know what a callee costs.
    let written = parallel::map(&calls.order, wasm.len(), write)?;
    let mut bodies = vec![Body::default(); code.len()];
    for (function, body) in calls.order.iter().zip(written) {
        bodies[*function] = body;
    }
    spare.fill(&mut bodies);
    Ok(Looking { bodies, calls })
}
