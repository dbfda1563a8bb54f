//! Bounds the elements of all tables of a plug-in together, on every engine, through the declared maxima of tables.
//!
//! Tables that can grow share the rest after the start equally. Only tables that a module defines are changed; a
//! lower maximum matches every import that the old one matched. It does not know how modules are linked.
//!
//! Invariant: the sum of the maxima of all tables is at most the bound.

use wasmparser::{Parser, Payload, TableType};

use super::{ByUnit, Module, Units};
use crate::base::error::{Error, ErrorKind, Result};

/// By how many elements each table of each module can grow, so that all tables together have at most `limit`
/// elements. `None` if the declared maxima suffice. Modules may still be invalid.
///
/// # Errors
/// `InvalidModule` if they have more elements at the start.
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
