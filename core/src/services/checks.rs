//! Host functions for instrumented guests: they check whether the guest has to stop, and account for its fuel.
//!
//! `interrupt`, `budget` and `meter` of `polyextism-transform` say when guests call them. Core adds the imports and
//! resolves them by position, so guests cannot name them.

use std::sync::{Arc, LazyLock};

use polyextism_transform::budget::QUANTUM;

use crate::{
    base::types::{NumType::I64, Signature},
    engine::program::Import,
    kernel::host_function::HostFunc,
};

/// A guest calls this when its flag is set.
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

/// A guest calls this when its budget is used up. It returns a new budget.
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

/// A guest calls this when its fuel does not suffice. It takes the fuel that is left and the least that suffices, and
/// returns the new amount.
pub(crate) fn refill() -> Import {
    static REFILL: LazyLock<Arc<HostFunc>> = LazyLock::new(|| {
        HostFunc::new(
            "refill",
            Signature::new(&[I64, I64], &[I64]),
            Box::new(|mut caller, slots| {
                let (left, least) = (slots[0] as i64, slots[1] as i64);
                slots[0] = caller.host().refill(left, least)? as u64;
                Ok(())
            }),
        )
    });
    import(&REFILL)
}

/// The module with the fuel calls this at the beginning and at the end of a call. It takes the fuel that is left and
/// returns the new amount.
pub(crate) fn settle() -> Import {
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
