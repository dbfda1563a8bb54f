//! Bytes as quoted text, both ways: how cases write inputs, outputs and messages.

use std::fmt::Write as _;

/// The text `"…"` that stands for `bytes`: UTF-8 as it is, other bytes as `\xNN`.
pub fn quote(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '"' | '\\' => text.extend(['\\', char]),
                '\n' => text.push_str("\\n"),
                '\t' => text.push_str("\\t"),
                char if char.is_ascii_control() => {
                    _ = write!(text, "\\x{:02x}", u32::from(char));
                }
                char => text.push(char),
            }
        }
        for byte in chunk.invalid() {
            _ = write!(text, "\\x{byte:02x}");
        }
    }
    text.push('"');
    text
}

/// Reads a quoted text at the start of `text`; returns its bytes and what follows.
///
/// # Errors
/// If there is none, or if it has an unknown escape.
pub fn unquote(text: &str) -> Result<(Vec<u8>, &str), String> {
    let wrong = |why: &str| format!("{why}: {text}");
    let rest = text.strip_prefix('"');
    let mut chars = rest.ok_or_else(|| wrong("expected a quoted text"))?.chars();
    let mut bytes = Vec::new();
    loop {
        match chars.next().ok_or_else(|| wrong("no closing quote"))? {
            '"' => return Ok((bytes, chars.as_str())),
            '\\' => match chars.next() {
                Some('n') => bytes.push(b'\n'),
                Some('t') => bytes.push(b'\t'),
                Some(char @ ('"' | '\\')) => bytes.push(char as u8),
                Some('x') => {
                    let digits = chars.as_str().get(..2).unwrap_or_default();
                    let byte = u8::from_str_radix(digits, 16);
                    bytes.push(byte.map_err(|_| wrong("`\\x` needs two digits"))?);
                    chars = chars.as_str()[2..].chars();
                }
                _ => return Err(wrong("unknown escape")),
            },
            char => bytes.extend(char.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
}

/// As [`unquote`], for text that ends there. `"…" * n` repeats it.
///
/// # Errors
/// As there, or if something else follows.
pub fn unquote_all(text: &str) -> Result<Vec<u8>, String> {
    let (bytes, rest) = unquote(text.trim())?;
    match rest.trim().strip_prefix('*').map(str::trim) {
        None if rest.trim().is_empty() => Ok(bytes),
        Some(times) => match times.parse() {
            Ok(times) => Ok(bytes.repeat(times)),
            Err(error) => Err(format!("`{times}`: {error}")),
        },
        None => Err(format!("unexpected `{rest}`")),
    }
}

#[cfg(test)]
mod tests {
    use super::{quote, unquote_all};

    #[test]
    fn there_and_back() {
        for bytes in [
            &b""[..],
            b"plain",
            b"\"quoted\" \\ \n\t\x00\x7f\xff\xc3",
            "ä€😀".as_bytes(),
        ] {
            assert_eq!(unquote_all(&quote(bytes)), Ok(bytes.to_vec()));
        }
        assert_eq!(unquote_all("\"ab\" * 2"), Ok(b"abab".to_vec()));
        assert!(unquote_all("\"ab").is_err());
        assert!(unquote_all("\"ab\" x").is_err());
        assert!(unquote_all("\"\\q\"").is_err());
    }
}
