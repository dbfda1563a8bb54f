//! Guest backtraces: which functions of the guests were running when a call failed.
//!
//! Engines report positions: a module of the program and the index of a function in it. Names are read here, from
//! the modules, so they are the same on every engine. It does not know how an engine walks a stack. Names are not
//! demangled.
//!
//! Invariants: a name has at most [`NAME_LIMIT`] bytes; a name section is not read before a call fails; a malformed
//! one has no names and is never an error.

use std::{ops::Range, sync::OnceLock};

use wasmparser::{KnownCustom, Name, NameSectionReader, Parser, Payload};

use crate::base::frames::{Frame, NAME_LIMIT, Position};

/// The modules of a program, with the functions of guests and their names.
#[derive(Debug)]
pub(crate) struct Guests {
    /// `None` for a module of the host.
    modules: Vec<Option<Guest>>,
}

#[derive(Debug)]
struct Guest {
    name: Box<str>,
    names: Names,
    /// The functions that the module defines, by index.
    own: Range<u32>,
    /// By how much the indices of these functions are higher in the engine.
    moved: u32,
}

impl Guests {
    /// Takes the name and original binary of each module, in instantiation order, and by how much the indices of
    /// its own functions are higher in the engine.
    pub(crate) fn new<'a>(
        modules: impl Iterator<Item = Option<(Box<str>, &'a [u8], u32)>>,
    ) -> Self {
        let guest = |(name, wasm, moved)| Guest {
            name,
            names: Names::of(wasm),
            own: own_functions(wasm),
            moved,
        };
        Self {
            modules: modules.map(|module| module.map(guest)).collect(),
        }
    }

    /// The names of the modules; `None` for a module of the host.
    pub(crate) fn names(&self) -> impl Iterator<Item = Option<&str>> {
        let guests = self.modules.iter().map(Option::as_ref);
        guests.map(|guest| guest.map(|guest| &*guest.name))
    }

    /// The function at a position. `None` for functions of the kernel, in whichever module they are.
    pub(crate) fn frame(&self, position: Position) -> Option<Frame> {
        let guest = self.modules.get(position.module.0 as usize)?.as_ref()?;
        // The engine has indices of the rewritten module; names belong to the original module.
        let index = position.function.checked_sub(guest.moved)?;
        guest.own.contains(&index).then(|| Frame {
            module: guest.name.clone(),
            function: guest.names.function(index).map(Into::into),
            index,
        })
    }
}

/// The functions that a module defines.
fn own_functions(wasm: &[u8]) -> Range<u32> {
    // `Compiled::new` has read the module before.
    polyextism_transform::defined_functions(wasm).unwrap_or_default()
}

/// The name section of a module, read at the first failure.
#[derive(Debug)]
struct Names {
    section: Box<[u8]>,
    /// The position of the name of each function in the section, in ascending order of indices.
    functions: OnceLock<Box<[Named]>>,
}

/// A function that has a name.
#[derive(Debug)]
struct Named {
    index: u32,
    name: Range<usize>,
}

impl Names {
    /// Finds the name section of a validated module.
    fn of(wasm: &[u8]) -> Self {
        let payloads = Parser::new(0).parse_all(wasm).map_while(Result::ok);
        let mut sections = payloads.filter_map(|payload| match payload {
            Payload::CustomSection(section) => match section.as_known() {
                KnownCustom::Name(_) => Some(section.data()),
                _ => None,
            },
            _ => None,
        });
        Self {
            section: sections.next().unwrap_or_default().into(),
            functions: OnceLock::new(),
        }
    }

    /// The name of a function.
    fn function(&self, index: u32) -> Option<&str> {
        let functions = self.functions.get_or_init(|| functions(&self.section));
        let found = functions.binary_search_by_key(&index, |named| named.index);
        let name = functions[found.ok()?].name.clone();
        let name = std::str::from_utf8(&self.section[name]).ok()?;
        Some(&name[..name.floor_char_boundary(NAME_LIMIT)])
    }
}

fn functions(section: &[u8]) -> Box<[Named]> {
    let reader = wasmparser::BinaryReader::new(section, 0);
    let mut functions = Vec::new();
    for names in NameSectionReader::new(reader).map_while(Result::ok) {
        let Name::Function(names) = names else {
            continue;
        };
        for naming in names.into_iter().map_while(Result::ok) {
            let start = naming.name.as_ptr().addr() - section.as_ptr().addr();
            functions.push(Named {
                index: naming.index,
                name: start..start + naming.name.len(),
            });
        }
    }
    // Of two names, the first counts: the sort is stable.
    functions.sort_by_key(|named| named.index);
    functions.dedup_by_key(|named| named.index);
    functions.into()
}
