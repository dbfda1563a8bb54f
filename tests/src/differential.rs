//! The same generated modules and the same calls on every engine: whatever differs is a mistake.
//!
//! There is a module and calls of all its functions (`generated.rs`); each engine runs them
//! (`observed.rs`) as it would run them in a plug-in; after every call results or kinds of errors,
//! globals and memories are compared. A difference that is known has a name ([`Known`]) and is
//! counted; nothing else is let through. It knows engines only by what they can do and by their gaps.

mod generated;
mod observed;

use std::{collections::BTreeMap, fmt};

use polyextism::{Choice, ErrorKind, Trap};

pub use self::generated::Generated;
use self::{
    generated::Nans,
    observed::{Observed, observe},
};
use crate::gaps::{EXTERNREF, NAN_SIGN, lacks};

/// Why engines are not compared, although the seed says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Known {
    /// How deep guests can call is a matter of each engine. What comes behind is not compared.
    StackDepth,
    /// The engine lacks references of the host, and the module has references of some kind.
    HostReferences,
    /// The engine makes NaNs of its own, which the module does not hide.
    NanSigns,
    /// The engine lacks a proposal that the module is made for.
    Proposal,
}

/// What was compared.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Modules that at least two engines ran.
    pub modules: u64,
    /// Modules times engines.
    pub instances: u64,
    /// Calls, on one engine.
    pub calls: u64,
    /// Calls that returned.
    pub returned: u64,
    /// Differences that have a name.
    pub known: BTreeMap<Known, u64>,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            modules,
            instances,
            calls,
            returned,
            known,
        } = self;
        write!(
            f,
            "{modules} modules, {instances} instances, {calls} calls ({returned} returned), known \
             {known:?}"
        )
    }
}

/// Engines that did not do the same.
#[derive(Clone, Debug)]
pub struct Divergence {
    /// What makes the module and the calls.
    pub seed: u64,
    /// Who did what.
    pub text: String,
    /// The module.
    pub wasm: Vec<u8>,
}

/// Runs a module on `choices` and compares.
///
/// # Errors
/// How they differ.
pub fn compare(
    generated: Generated,
    choices: &[Choice],
    counts: &mut Counts,
) -> Result<(), Divergence> {
    let mut runs = Vec::new();
    for choice in choices {
        match excused(choice, &generated) {
            Some(known) => *counts.known.entry(known).or_default() += 1,
            None => runs.push((choice.name(), observe(choice, &generated))),
        }
    }
    let [(first, expected), others @ ..] = &runs[..] else {
        return Ok(());
    };
    if others.is_empty() {
        return Ok(());
    }
    counts.modules += 1;
    counts.instances += runs.len() as u64;
    let calls = expected.len().saturating_sub(1) as u64;
    counts.calls += calls;
    let returned = expected
        .iter()
        .skip(1)
        .filter(|observed| observed.returned());
    counts.returned += returned.count() as u64;
    let end = runs.iter().filter_map(|(_, run)| exhausted(run)).min();
    if end.is_some() {
        *counts.known.entry(Known::StackDepth).or_default() += 1;
    }
    let end = end.unwrap_or(usize::MAX);
    for (other, found) in others {
        let pairs = expected.iter().zip(found).take(end).enumerate();
        for (step, (expected, found)) in pairs {
            if expected != found {
                let what = generated.step(step);
                let text = format!("{what}\n{first}: {expected:?}\n{other}: {found:?}");
                return Err(Divergence {
                    seed: generated.seed,
                    text,
                    wasm: generated.wasm,
                });
            }
        }
    }
    Ok(())
}

/// Why an engine does not take part.
fn excused(choice: &Choice, generated: &Generated) -> Option<Known> {
    if !generated.fits(choice.compiler().capabilities.proposals) {
        return Some(Known::Proposal);
    }
    if generated.nans == Nans::Left && lacks(choice, NAN_SIGN) {
        return Some(Known::NanSigns);
    }
    if generated.has_references && lacks(choice, EXTERNREF) {
        return Some(Known::HostReferences);
    }
    None
}

/// The first step that ended because the stack was exhausted.
fn exhausted(run: &[Observed]) -> Option<usize> {
    let overflow =
        |observed: &Observed| matches!(observed.outcome, Err(ErrorKind::Trap(Trap::StackOverflow)));
    run.iter().position(overflow)
}
