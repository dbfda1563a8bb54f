//! The functions of the host that instrumented guests import: they check whether the guest has to stop, and
//! settle its fuel.
//!
//! `interrupt`, `budget` and `meter` say when guests call them. Guests cannot name them: they are imports that
//! core adds, resolved by their position.

use std::sync::{Arc, LazyLock};

use polyextism_transform::budget::QUANTUM;

use crate::{
    base::types::{NumType::I64, Signature},
    engine::program::Import,
    kernel::host_function::HostFunc,
};

/// What a guest calls that has seen its flag set.
pub(crate) fn flag() -> Import {
    static CHECK: LazyLock<Arc<HostFunc>> = LazyLock::new(|| {
        HostFunc::new(
            "interrupt",
            Signature::new(&[], &[]),
            Box::new(|mut caller, _| caller.host().check_flag()),
        )
    });
    import(&CHECK)
}

/// What a guest calls whose budget is used up: it returns a new one.
pub(crate) fn budget() -> Import {
    static CHECK: LazyLock<Arc<HostFunc>> = LazyLock::new(|| {
        HostFunc::new(
            "check",
            Signature::new(&[], &[I64]),
            Box::new(|mut caller, slots| {
                caller.host().check_alarm()?;
                slots[0] = QUANTUM as u64;
                Ok(())
            }),
        )
    });
    import(&CHECK)
}

/// What the guest that has the fuel calls: it takes what is left and returns what there is to be.
pub(crate) fn fuel() -> Import {
    static SETTLE: LazyLock<Arc<HostFunc>> = LazyLock::new(|| {
        HostFunc::new(
            "settle",
            Signature::new(&[I64], &[I64]),
            Box::new(|mut caller, slots| {
                let meter = caller.host().meter.as_mut();
                slots[0] = meter.map_or(0, |meter| meter.settle(slots[0] as i64)) as u64;
                Ok(())
            }),
        )
    });
    import(&SETTLE)
}

fn import(func: &Arc<HostFunc>) -> Import {
    Import::Host {
        func: Arc::clone(func),
        memory: None,
    }
}
