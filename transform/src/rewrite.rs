//! The parts that the steps share.
//!
//! The steps encode a valid module again with additions. This file has what they must know of the module first
//! ([`Shape`]), the order of sections, and the custom sections that stay.

mod added;
#[cfg(test)]
pub(crate) mod samples;
mod shape;
mod splice;

use wasm_encoder::{NameMap, NameSection, SectionId, reencode};
use wasmparser::{CustomSectionReader, FunctionBody, KnownCustom, Name, Parser, Payload};

pub(crate) use self::{
    added::{Added, Bodies, Defined, Moved, Written, add},
    shape::{Shape, Width},
    splice::Splice,
};

/// Sections in the order of the specification ("Modules", binary format).
const ORDER: &[SectionId] = &[
    SectionId::Type,
    SectionId::Import,
    SectionId::Function,
    SectionId::Table,
    SectionId::Memory,
    SectionId::Tag,
    SectionId::Global,
    SectionId::Export,
    SectionId::Start,
    SectionId::Element,
    SectionId::DataCount,
    SectionId::Code,
    SectionId::Data,
];

/// Whether `section` is missing in the module and must be written before `next`; `None` is the end.
pub(crate) fn is_due(section: SectionId, next: Option<SectionId>) -> bool {
    let place = |id| ORDER.iter().position(|other| *other == id);
    next.is_none_or(|next| place(section) < place(next))
}

/// The bodies of the functions that a module defines.
pub(crate) fn code(wasm: &[u8]) -> Result<Vec<FunctionBody<'_>>, reencode::Error> {
    let mut bodies = Vec::new();
    for payload in Parser::new(0).parse_all(wasm) {
        if let Payload::CodeSectionEntry(body) = payload? {
            bodies.push(body);
        }
    }
    Ok(bodies)
}

/// The part of a custom section that stays: the names of the module and of its functions, for backtraces and
/// profilers. `function` maps old indices of functions to new ones, in the same order; `None` is a removed
/// function.
///
/// Custom sections are not validated, so unreadable parts are left out, as are sections with offsets into the old
/// code.
pub(crate) fn names(
    section: &CustomSectionReader<'_>,
    function: impl Fn(u32) -> Option<u32>,
) -> Option<NameSection> {
    let KnownCustom::Name(subsections) = section.as_known() else {
        return None;
    };
    let mut names = NameSection::new();
    for subsection in subsections {
        match subsection.ok()? {
            Name::Module { name, .. } => names.module(name),
            Name::Function(functions) => {
                let mut moved = NameMap::new();
                for naming in functions {
                    let naming = naming.ok()?;
                    if let Some(index) = function(naming.index) {
                        moved.append(index, naming.name);
                    }
                }
                names.functions(&moved);
            }
            _ => {}
        }
    }
    Some(names)
}
