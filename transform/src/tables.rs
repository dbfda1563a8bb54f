//! Lowers the maxima of the tables that a module defines.
//!
//! A lower maximum matches every import that the old one matched.

use wasm_encoder::{
    RawSection, TableSection,
    reencode::{self, Reencode, RoundtripReencoder},
};
use wasmparser::{Parser, Payload};

/// The same module, whose tables can grow by `share` elements at most.
///
/// # Errors
/// None for a module that core has validated.
pub fn limited(wasm: &[u8], share: u64) -> Result<Vec<u8>, reencode::Error> {
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
