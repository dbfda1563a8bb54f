//! Turns a start section into an export.

use wasm_encoder::{
    ExportKind, ExportSection, RawSection, SectionId,
    reencode::{self, Reencode, RoundtripReencoder},
};
use wasmparser::{Parser, Payload};

/// The same module without its start section, with `function` exported under `name` instead.
///
/// # Errors
/// None for a module that is valid.
pub fn export(wasm: &[u8], function: u32, name: &str) -> Result<Vec<u8>, reencode::Error> {
    let mut out = wasm_encoder::Module::new();
    let mut exports = ExportSection::new();
    let mut exported = false;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        if let Payload::ExportSection(section) = &payload {
            RoundtripReencoder.parse_export_section(&mut exports, section.clone())?;
            exports.export(name, ExportKind::Func, function);
            out.section(&exports);
            exported = true;
            continue;
        }
        if let Payload::StartSection { .. } = payload {
            if !exported {
                exports.export(name, ExportKind::Func, function);
                out.section(&exports);
                exported = true;
            }
            continue;
        }
        if let Some((id, range)) = payload.as_section() {
            debug_assert_ne!(id, SectionId::Start as u8);
            let data = &wasm[range.start as usize..range.end as usize];
            out.section(&RawSection { id, data });
        }
    }
    Ok(out.finish())
}
