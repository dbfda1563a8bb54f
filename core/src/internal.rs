//! Items that the Python front, the tests and the benchmarks of this repository use, beside the public ones. It may
//! change in any version.

pub use crate::{
    base::frames::NAME_LIMIT,
    build::{
        alone,
        files::{Unread, read_file},
        link::WASI_OFF,
    },
    deadline::{alarm::RequestCheck, duration_text::DurationText, nesting},
    engine::{
        erased::{AnyModule, AnyPrepared, DynInstance},
        inspect,
    },
    kernel::{
        FUNCTIONS as KERNEL_FUNCTIONS, MEMORY as KERNEL_MEMORY, Row, host_function::HostBody,
        used as kernel_used,
    },
    live::plugin::fuel::set_fuel_portion,
    module::bounds::Bounds,
    process::{Process, forks, queue},
};
