//! Gets the bytes of a module: the only file that touches the file system for modules.
//!
//! Whatever comes in as text is assembled here, so everything behind sees binaries only.

use std::{borrow::Cow, fmt::Write as _, path::Path};

use sha2::{Digest as _, Sha256};

use crate::{
    error::{Error, ErrorKind, Result},
    manifest::{Source, Wasm, wrong},
};

/// The binary of the module at `wasm[index]`.
///
/// # Errors
/// `Manifest` if it cannot be had, `InvalidModule` if its text cannot be assembled, `Unsupported`
/// for a source that this build cannot read.
pub(crate) fn read(wasm: &Wasm, index: usize) -> Result<Cow<'_, [u8]>> {
    let bytes = match &wasm.source {
        Source::Data(data) => Cow::Borrowed(data.as_slice()),
        Source::Path(path) => Cow::Owned(read_file(path, index)?),
        Source::Url { url, .. } => {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("manifest: wasm[{index}].url: this build cannot fetch `{url}`"),
            ));
        }
    };
    if let Some(expected) = &wasm.hash {
        let found = Sha256::digest(&bytes);
        if found[..] != expected.0 {
            let mut hex = String::new();
            found.iter().for_each(|byte| _ = write!(hex, "{byte:02x}"));
            return Err(wrong(format_args!(
                "wasm[{index}].hash: the module has the SHA-256 {hex}, expected {expected}"
            )));
        }
    }
    match is_text(&bytes) {
        true => assemble(&bytes, index).map(Cow::Owned),
        // Whatever it is, the reader of modules says what is wrong with it.
        false => Ok(bytes),
    }
}

/// Whether the bytes are meant as WebAssembly text: only comments can come before a parenthesis.
fn is_text(bytes: &[u8]) -> bool {
    let text = str::from_utf8(bytes).unwrap_or("");
    let text = text.trim_start_matches('\u{feff}').trim_start();
    text.starts_with(['(', ';'])
}

fn assemble(bytes: &[u8], index: usize) -> Result<Vec<u8>> {
    wat::parse_bytes(bytes)
        .map(Cow::into_owned)
        .map_err(|error| {
            // What follows is a picture of the place; the place itself is enough.
            let text = error.to_string();
            let mut lines = text.lines();
            let what = lines.next().unwrap_or_default();
            let place = lines.next().and_then(|line| line.split("<anon>:").nth(1));
            let place = place.map_or_else(String::new, |place| format!(" at {place}"));
            Error::new(
                ErrorKind::InvalidModule,
                format!("wasm[{index}] is not valid WebAssembly text: {what}{place}"),
            )
            .with_source(error)
        })
}

fn read_file(path: &Path, index: usize) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        let path = path.display();
        wrong(format_args!(
            "wasm[{index}].path: cannot read `{path}`: {error}"
        ))
        .with_source(error)
    })
}
