//! Bounds what the tables of a plug-in can have together, whatever engine runs it: by their declared
//! maxima, which every engine keeps.
//!
//! What the bound leaves after the start is shared equally by the tables that can grow. Only tables that
//! a module defines are touched; a maximum that is lower than before fits every import that the old
//! one fitted. It does not know how modules are linked.
//!
//! Invariant: the sum of what all tables can have is at most the bound.

use std::borrow::Cow;

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

/// Lowers the maxima of tables so that all tables of the modules have at most `limit` elements together.
///
/// # Errors
/// `InvalidModule` if they have more at the start.
pub(crate) fn limit(units: &mut [Unit<'_>], limit: u64) -> Result<()> {
    let tables: Vec<_> = units.iter().map(|unit| own(&unit.module)).collect();
    let mut sum = 0_u64;
    let mut growing = 0;
    for table in tables.iter().flatten() {
        sum = sum.saturating_add(table.initial);
        growing += u64::from(can_grow(table));
    }
    let Some(left) = limit.checked_sub(sum) else {
        let message = format!(
            "the tables of the plug-in have {sum} elements at the start, at most {limit} are allowed"
        );
        return Err(Error::new(ErrorKind::InvalidModule, message));
    };
    let share = left.checked_div(growing).unwrap_or_default();
    let exceeds = |table: &TableType| {
        let most = table.initial + share;
        can_grow(table) && table.maximum.is_none_or(|maximum| maximum > most)
    };
    for (unit, tables) in units.iter_mut().zip(tables) {
        if tables.iter().any(exceeds) {
            let wasm = rewrite(&unit.module.wasm, share).map_err(|source| {
                let message = format!("the tables of module `{}` cannot be limited", unit.name);
                Error::new(ErrorKind::Engine, message).with_source(source)
            })?;
            unit.module.wasm = Cow::Owned(wasm);
        }
    }
    Ok(())
}

fn can_grow(table: &TableType) -> bool {
    table.maximum != Some(table.initial)
}

/// The tables that a module defines.
fn own(module: &Module<'_>) -> Vec<TableType> {
    let mut tables = Vec::new();
    for payload in Parser::new(0).parse_all(&module.wasm).map_while(Result::ok) {
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
fn rewrite(wasm: &[u8], share: u64) -> std::result::Result<Vec<u8>, reencode::Error> {
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
