//! Items that the Python front, the tests and the benchmarks of this repository use, beside the public ones. It may
//! change in any version.

pub use crate::{
    base::frames::NAME_LIMIT,
    build::{
        alone,
        files::{Unread, read_file},
    },
    deadline::{alarm::RequestCheck, nesting},
    engine::{
        erased::{AnyModule, AnyPrepared, DynInstance},
        inspect,
    },
    kernel::{
        FUNCTIONS as KERNEL_FUNCTIONS, MEMORY as KERNEL_MEMORY, Row, host_function::HostBody,
        used as kernel_used,
    },
    module::bounds::Bounds,
    process::{Process, forks, heed_forks, queue},
};
