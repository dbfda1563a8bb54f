//! The same generated module as a plug-in in every form that core can give it: with its kernel in it or apart, with and
//! without fuel. What an engine lacks a second engine for is compared here, garbage collection first of all.
//!
//! Functions are called with zeros, as core calls those with parameters. Results are seen as far as hosts of plug-ins see
//! them, and so is the fuel of each call, which tells where guests have gone. It knows no engine.

use polyextism::{Choice, KernelForm, Manifest, Options, Plugin};

use super::{Divergence, Generated};
use crate::outcome::Outcome;

/// The forms: two without fuel, two with it.
const FORMS: &[(KernelForm, Option<u64>)] = &[
    (KernelForm::Fused, None),
    (KernelForm::Apart, None),
    (KernelForm::Fused, Some(u64::MAX)),
    (KernelForm::Apart, Some(u64::MAX)),
];

/// Runs a module in every form on `choice`, and says in how many calls the forms were compared; 0 if the engine lacks
/// what the module needs.
///
/// # Errors
/// How they differ.
pub fn forms(generated: &Generated, choice: &Choice) -> Result<u64, Divergence> {
    if !generated.fits(choice.compiler().capabilities.proposals) {
        return Ok(0);
    }
    let runs: Vec<_> = FORMS
        .iter()
        .map(|(kernel, fuel)| run(generated, choice, *kernel, *fuel))
        .collect();
    let steps = runs.iter().map(Vec::len).min().unwrap_or_default();
    for step in 0..steps {
        let differ = |one: usize, other: usize, what: &dyn Fn(&Step) -> String| {
            let [one, other] = [one, other].map(|run| what(&runs[run][step]));
            (one != other).then(|| format!("{one}\n{other}"))
        };
        // How deep guests can call depends on their code.
        if runs
            .iter()
            .any(|run| run[step].outcome.contains("stack-overflow"))
        {
            return Ok(step as u64);
        }
        let outcome: &dyn Fn(&Step) -> String = &|step| step.outcome.clone();
        let fuel: &dyn Fn(&Step) -> String = &|step| format!("{:?}", step.fuel);
        let pairs = [
            (0, 1, outcome),
            (0, 2, outcome),
            (0, 3, outcome),
            (2, 3, fuel),
        ];
        for (one, other, what) in pairs {
            if let Some(text) = differ(one, other, what) {
                let [one, other] = [one, other].map(|form| FORMS[form]);
                return Err(Divergence {
                    seed: generated.seed,
                    text: format!("{}: step {step}: {one:?} {other:?}\n{text}", choice.name()),
                    wasm: generated.wasm.clone(),
                });
            }
        }
    }
    Ok(steps as u64)
}

struct Step {
    outcome: String,
    fuel: Option<u64>,
}

/// Making the plug-in, then the calls.
fn run(generated: &Generated, choice: &Choice, kernel: KernelForm, fuel: Option<u64>) -> Vec<Step> {
    let options = Options::default().with_kernel(kernel).with_fuel(fuel);
    let choice = choice.deterministic();
    let made = choice.compile(&Manifest::of(&*generated.wasm), &options);
    let mut plugin = match made.and_then(|compiled| Plugin::new(&compiled)) {
        Ok(plugin) => plugin,
        Err(error) => {
            let outcome = format!("{:?}", error.kind());
            return vec![Step {
                outcome,
                fuel: None,
            }];
        }
    };
    let calls = generated.calls.iter().map(|call| {
        let outcome = Outcome::of(plugin.call(&call.export, b"")).to_string();
        Step {
            outcome,
            fuel: plugin.fuel_consumed(),
        }
    });
    calls.collect()
}
