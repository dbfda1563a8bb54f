//! What the steps from wasm to wasm have in common.
//!
//! They write a valid module again with something added. Each knows what it adds; here is what they
//! must know of the module before ([`Shape`]), where in the order of sections something missing has its
//! place, and which custom sections stay.

mod added;
#[cfg(test)]
pub(crate) mod samples;
mod shape;
mod splice;

use wasm_encoder::{NameMap, NameSection, SectionId};
use wasmparser::{CustomSectionReader, KnownCustom, Name};

pub(crate) use self::{
    added::{Added, Bodies, Moved, add, body_blocks},
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

/// Whether a section that was not written yet is missing in the module, when `next` is written next;
/// `None` is the end.
pub(crate) fn is_due(section: SectionId, next: Option<SectionId>) -> bool {
    let place = |id| ORDER.iter().position(|other| *other == id);
    next.is_none_or(|next| place(section) < place(next))
}

/// What stays of a custom section: the names of the module and of its functions, for backtraces and
/// profilers. `function` is where a function has moved to, `None` if it is gone; it keeps the order.
///
/// Nobody has checked custom sections, so what cannot be read is left out, as is all that speaks of
/// offsets into the old code.
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
