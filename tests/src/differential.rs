//! The same generated modules and the same calls on every engine: whatever differs is a mistake.
//!
//! There is a module and calls of all its functions (`generated.rs`); each engine runs them
//! (`observed.rs`) as it would run them in a plug-in, and where few engines have what a module needs, without
//! the looks that core puts into guests as well; after every call results or kinds of errors,
//! globals and memories are compared. A difference that is known has a name ([`Known`]) and is
//! counted; nothing else is let through. It knows engines only by what they can do and by their gaps.

mod counts;
mod forms;
mod generated;
mod mended;
mod observed;
mod written;

use polyextism::{
    Capabilities, Choice, ErrorKind, Trap,
    backend::{Interruption, Room, address_space},
};

pub use self::{counts::Counts, forms::forms, generated::Generated, written::Modules};
use self::{
    generated::Nans,
    observed::{Observed, observe},
};
use crate::gaps::{EMPTY_MEMORIES, EXTERNREF, NAN_CONVERSION, NAN_SIGN, STORED_EXCEPTIONS, lacks};

/// Why engines are not compared, or differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Known {
    /// The engine lacks references of the host, and the module has references of some kind.
    HostReferences,
    /// The engine makes NaNs of its own, which the module does not hide.
    NanSigns,
    /// The engine keeps the payload of a NaN that is converted between `f32` and `f64`, and does the
    /// same as the others as soon as the module makes it canonical.
    NanConversions,
    /// The engine lacks a proposal that the module is made for.
    Proposal,
    /// The engine refuses references to exceptions outside of functions.
    StoredExceptions,
    /// The engine refuses memories that begin without a page, because the address space is limited.
    EmptyMemories,
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
            Some(known) => *counts.of(&choice.name()).known.entry(known).or_default() += 1,
            None => {
                let observed = observe(choice, choice.interruption(), &generated);
                match refused(choice, &observed[0]) {
                    Some(known) => *counts.of(&choice.name()).known.entry(known).or_default() += 1,
                    None => runs.push((choice, observed)),
                }
            }
        }
    }
    if let [(choice, _)] | [(choice, _), _] = runs[..] {
        let Capabilities {
            interrupt, flag, ..
        } = choice.compiler().capabilities;
        if interrupt && flag {
            runs.push((choice, observe(choice, Interruption::On, &generated)));
        }
    }
    let [(first, expected), others @ ..] = &runs[..] else {
        return Ok(());
    };
    if others.is_empty() {
        return Ok(());
    }
    // How deep guests can call is a matter of each engine.
    let end = runs.iter().filter_map(|(_, run)| exhausted(run)).min();
    counts.modules += 1;
    counts.exhausted += u64::from(end.is_some());
    let end = end.unwrap_or(usize::MAX);
    for (choice, run) in &runs {
        let calls = run.iter().take(end).skip(1);
        let of = counts.of(&choice.name());
        of.modules += 1;
        of.calls += calls.clone().count() as u64;
        of.returned += calls.filter(|observed| observed.returned()).count() as u64;
    }
    for (other, found) in others {
        let Some(step) = difference(expected, found, end) else {
            continue;
        };
        if let Some(known) = explained(other, &generated, expected, end) {
            *counts.of(&other.name()).known.entry(known).or_default() += 1;
            continue;
        }
        let (what, first, other) = (generated.step(step), first.name(), other.name());
        let (expected, found) = (&expected[step], &found[step]);
        return Err(Divergence {
            seed: generated.seed,
            text: format!("{what}\n{first}: {expected:?}\n{other}: {found:?}"),
            wasm: generated.wasm,
        });
    }
    Ok(())
}

/// The first step before `end` that is not the same.
fn difference(expected: &[Observed], found: &[Observed], end: usize) -> Option<usize> {
    let mut pairs = expected.iter().zip(found).take(end);
    pairs.position(|(expected, found)| expected != found)
}

/// Why an engine differs, if that is known: it must agree where the module avoids it.
fn explained(
    choice: &Choice,
    generated: &Generated,
    expected: &[Observed],
    end: usize,
) -> Option<Known> {
    if !lacks(choice, NAN_CONVERSION) {
        return None;
    }
    let mended = generated.with(mended::conversions(&generated.wasm));
    let found = observe(choice, choice.interruption(), &mended);
    let agrees = difference(expected, &found, end).is_none();
    agrees.then_some(Known::NanConversions)
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

/// Why an engine refuses a module that it has all proposals of.
fn refused(choice: &Choice, instantiation: &Observed) -> Option<Known> {
    if instantiation.outcome != Err(ErrorKind::Unsupported) {
        return None;
    }
    if lacks(choice, STORED_EXCEPTIONS) {
        return Some(Known::StoredExceptions);
    }
    let is_scarce = address_space::room() == Room::Scarce;
    (is_scarce && lacks(choice, EMPTY_MEMORIES)).then_some(Known::EmptyMemories)
}

/// The first step that ended because the stack was exhausted.
fn exhausted(run: &[Observed]) -> Option<usize> {
    let overflow =
        |observed: &Observed| matches!(observed.outcome, Err(ErrorKind::Trap(Trap::StackOverflow)));
    run.iter().position(overflow)
}
