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
    if bytes.starts_with(b"\0asm") {
        return Ok(bytes);
    }
    match wat::parse_bytes(&bytes) {
        Ok(Cow::Owned(binary)) => Ok(Cow::Owned(binary)),
        // Neither text nor a binary: the reader of modules says so.
        Ok(Cow::Borrowed(_)) => Ok(bytes),
        Err(_) if str::from_utf8(&bytes).is_err() => Ok(bytes),
        Err(error) => Err(Error::new(
            ErrorKind::InvalidModule,
            format!("wasm[{index}] is not valid WebAssembly text: {error}"),
        )),
    }
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
