//! Bounds what the tables of a plug-in can have together, whatever engine runs it: by their declared
//! maxima, which every engine keeps.
//!
//! What the bound leaves after the start is shared equally by the tables that can grow. Only tables that
//! a module defines are touched; a maximum that is lower than before fits every import that the old
//! one fitted. It does not know how modules are linked.
//!
//! Invariant: the sum of what all tables can have is at most the bound.

use wasmparser::{Parser, Payload, TableType};

use super::{ByUnit, Module, Units};
use crate::base::error::{Error, ErrorKind, Result};

/// By how many elements the tables of each module can grow, if that is less than they declare, so that
/// all tables of the modules have at most `limit` elements together. Modules may still be invalid.
///
/// # Errors
/// `InvalidModule` if they have more at the start.
pub(crate) fn growth(units: &Units<'_>, limit: u64) -> Result<ByUnit<Option<u64>>> {
    let tables = units.map(|unit| own(&unit.module));
    let mut sum = 0_u64;
    let mut growing = 0;
    for table in tables.iter().flatten() {
        sum = sum.saturating_add(table.initial);
        growing += u64::from(can_grow(table));
    }
    let Some(left) = limit.checked_sub(sum) else {
        let message = format!(
            "the tables of the plug-in have {sum} elements at the start, at most {limit} are allowed; \
             raise the limit `table_elements` to {sum}"
        );
        return Err(Error::new(ErrorKind::InvalidModule, message));
    };
    let share = left.checked_div(growing).unwrap_or_default();
    let exceeds = |table: &TableType| {
        let most = table.initial + share;
        can_grow(table) && table.maximum.is_none_or(|maximum| maximum > most)
    };
    Ok(tables.map(|tables| tables.iter().any(exceeds).then_some(share)))
}

fn can_grow(table: &TableType) -> bool {
    table.maximum != Some(table.initial)
}

/// The tables that a module defines.
fn own(module: &Module<'_>) -> Vec<TableType> {
    let mut tables = Vec::new();
    for payload in Parser::new(0).parse_all(&module.raw).map_while(Result::ok) {
        match payload {
            Payload::TableSection(section) => {
                let section = section.into_iter().map_while(Result::ok);
                tables.extend(section.map(|table| table.ty));
            }
            Payload::CodeSectionStart { .. } => break,
            _ => {}
        }
    }
    tables
}
