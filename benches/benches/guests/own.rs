//! Guests as plug-ins of polyextism.

use std::time::Duration;

use polyextism::{ErrorKind, Plugin};
use polyextism_benches::cases::{Case, HOUR, Output};

use crate::Run;

/// A way to call a plug-in.
pub(crate) struct Way {
    pub(crate) name: &'static str,
    deadline: Option<Duration>,
    fuel: Option<u64>,
}

/// The ways to call one.
pub(crate) const WAYS: [Way; 3] = [
    Way {
        name: "plain",
        deadline: None,
        fuel: None,
    },
    Way {
        name: "deadline",
        deadline: HOUR,
        fuel: None,
    },
    Way {
        name: "fuel",
        deadline: None,
        fuel: Some(u64::MAX / 2),
    },
];

/// A case on an engine, or `None` if that engine is not built in or lacks what the module needs.
pub(crate) fn run(engine: &str, case: &Case, way: &Way) -> Option<Run> {
    let engine = polyextism::engine(engine).ok()?;
    let options = case.guest.options().with_fuel(way.fuel);
    // The same module again would get the code that is there already.
    let manifest = case.guest.unique_manifest();
    let compiled = match engine.compile(&manifest, &options) {
        Err(error) if error.kind() == ErrorKind::Unsupported => return None,
        outcome => outcome.unwrap_or_else(|error| panic!("{engine:?}: {error}")),
    };
    let mut plugin = Plugin::new(&compiled).expect("there is room for one");
    let function = plugin.function(case.function).expect("the guest has it");
    let (input, deadline) = (case.input.clone(), way.deadline);
    let written = matches!(case.output, Output::Written(_));
    Some(Box::new(move || {
        let output = plugin.call_within(function, &input, deadline);
        let output = output.unwrap_or_else(|error| panic!("{error}"));
        match written {
            true => plugin.stdout(),
            false => output.to_vec(),
        }
    }))
}
