//! A kernel as a plug-in of polyextism.

use std::time::Duration;

use polyextism::{CachePlace, Manifest, Options, Plugin};
use polyextism_benches::cases::HOUR;

use crate::Run;

/// A way to call a plug-in.
pub(crate) struct Side {
    pub(crate) name: &'static str,
    deadline: Option<Duration>,
    fuel: Option<u64>,
}

/// The ways to call one.
pub(crate) const SIDES: [&Side; 3] = [
    &Side {
        name: "plain",
        deadline: None,
        fuel: None,
    },
    &Side {
        name: "deadline",
        deadline: HOUR,
        fuel: None,
    },
    &Side {
        name: "fuel",
        deadline: None,
        fuel: Some(u64::MAX / 2),
    },
];

/// The kernel on an engine, or `None` if that engine is not built in or refuses the module.
pub(crate) fn run(engine: &str, module: &[u8], side: &Side) -> Option<Run> {
    let engine = polyextism::engine(engine).ok()?;
    let mut manifest = Manifest::of(module.to_vec());
    manifest.memory.max_pages = Some(2048);
    let options = Options {
        cache: CachePlace::Off.into(),
        fuel: side.fuel,
        ..Options::default()
    };
    let compiled = engine.compile(&manifest, &options).ok()?;
    let mut plugin = Plugin::new(&compiled).expect("there is room for one");
    let function = plugin.function("run").expect("the kernel has it");
    let deadline = side.deadline;
    Some(Box::new(move || {
        let output = plugin.call_within(function, b"", deadline);
        let output = output.expect("a kernel does not fail");
        let (checksum, _) = output.split_first_chunk().expect("it is 8 bytes long");
        u32::from_le_bytes(*checksum)
    }))
}
