//! Bounds what the tables of a plug-in can have together, whatever engine runs it: by their declared
//! maxima, which every engine keeps.
//!
//! What the bound leaves after the start is shared equally by the tables that can grow. Only tables that
//! a module defines are touched; a maximum that is lower than before fits every import that the old
//! one fitted. It does not know how modules are linked.
//!
//! Invariant: the sum of what all tables can have is at most the bound.

use wasm_encoder::{
    RawSection, TableSection,
    reencode::{self, Reencode, RoundtripReencoder},
};
use wasmparser::{Parser, Payload, TableType};

use super::Module;
use crate::{
    error::{Error, ErrorKind, Result},
    link::Unit,
};

/// By how many elements the tables of each module can grow, if that is less than they declare, so that
/// all tables of the modules have at most `limit` elements together. Modules may still be invalid.
///
/// # Errors
/// `InvalidModule` if they have more at the start.
pub(crate) fn growth(units: &[Unit<'_>], limit: u64) -> Result<Vec<Option<u64>>> {
    let tables: Vec<_> = units.iter().map(|unit| own(&unit.module)).collect();
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
    let growth = tables
        .iter()
        .map(|tables| tables.iter().any(exceeds).then_some(share));
    Ok(growth.collect())
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

/// The same module, whose tables can grow by `share` elements at most.
///
/// # Errors
/// None for a module that core has validated.
pub(crate) fn limited(wasm: &[u8], share: u64) -> std::result::Result<Vec<u8>, reencode::Error> {
    let mut out = wasm_encoder::Module::new();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        if let Payload::TableSection(section) = payload {
            let mut tables = TableSection::new();
            for table in section {
                let mut table = table?;
                let most = table.ty.initial + share;
                let maximum = table.ty.maximum.unwrap_or(most).min(most);
                table.ty.maximum = Some(maximum);
                RoundtripReencoder.parse_table(&mut tables, table)?;
            }
            out.section(&tables);
        } else if let Some((id, range)) = payload.as_section() {
            let data = &wasm[range.start as usize..range.end as usize];
            out.section(&RawSection { id, data });
        }
    }
    Ok(out.finish())
}
