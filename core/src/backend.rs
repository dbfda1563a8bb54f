//! What a backend implements and uses, in one flat list. Nothing else of core is meant for backends.

pub use crate::{
    base::{
        capabilities::{
            Capabilities, Determinism, InstanceLimits, Interruption, Profiler, Proposal, Settings,
        },
        error::{Error, ErrorKind, Result, Trap},
        frames::{FRAMES, Position},
        ids::{EntryId, MemoryId, ModuleId},
        types::{NumType, Signature},
    },
    cache::Artifact,
    deadline::flag::Word,
    engine::{
        Engine, Instance,
        erased::{Backend, Compiler, DynEngine, LeftOut},
        inspect::{Inspect, Value},
        program::{Import, Linked, MemoryExport, Program},
    },
    host::{Failed, Host},
    kernel::{guest::Guest, host_function::HostFunc},
    process::{
        PerProcess,
        address_space::{self, Room},
        forks::section,
    },
};
