//! The items that backends implement and use, in one list. Backends use nothing else of core.

pub use crate::{
    base::{
        capabilities::{
            Capabilities, Determinism, InstanceLimits, Interruption, Profiler, Settings,
        },
        error::{Error, ErrorKind, Result, Trap},
        frames::{FRAMES, Position},
        ids::{EntryId, MemoryId, ModuleId},
        numbers::{Number, Numbers},
        proposals::{Proposal, Proposals},
        types::{NumType, Signature},
    },
    cache::Artifact,
    deadline::flag::Word,
    engine::{
        Engine, Instance,
        erased::{Backend, Compiler, DynEngine, LeftOut},
        inspect::{self, Inspect, Value},
        pages::{PageLimit, pages_left},
        program::{Import, Linked, MemoryExport, Program, unresolved},
    },
    host::{Failed, Host},
    host_function_shapes,
    kernel::{guest::Guest, host_function::HostFunc},
    process::{
        PerProcess, Process,
        address_space::{self, Room},
        forks::{Paused, pause, resume, section},
    },
};
