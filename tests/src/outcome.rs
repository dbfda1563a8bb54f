//! How a step of a case ended, as one line of text: that line is what a case expects.

use std::fmt;

use polyextism::{Error, ErrorKind};

use crate::quote::quote;

/// Outputs that are longer are shown by their length and a hash.
const SHOWN: usize = 512;

/// How a step ended.
#[derive(Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It succeeded with these bytes.
    Ok(Vec<u8>),
    /// It succeeded; there was nothing.
    Nothing,
    /// It failed: the kind with its details, and the message.
    Error {
        /// The name of the kind, its detail, and the code of the guest if the kind has none.
        kind: String,
        /// The message.
        message: String,
    },
}

impl Outcome {
    /// The outcome of something that returns bytes.
    pub fn of<B: AsRef<[u8]>>(result: Result<B, Error>) -> Self {
        match result {
            Ok(bytes) => Self::Ok(bytes.as_ref().to_vec()),
            Err(error) => Self::failed(&error),
        }
    }

    /// The outcome of something that failed so.
    pub fn failed(error: &Error) -> Self {
        let kind = error.kind();
        let detail = match (kind, error.code()) {
            (ErrorKind::Trap(trap), None) => format!("({})", trap.name()),
            (ErrorKind::Exit(code) | ErrorKind::ReturnCode(code), _) => format!("({code})"),
            (_, Some(code)) => format!("(code {code})"),
            (_, None) => String::new(),
        };
        Self::Error {
            kind: format!("{}{detail}", kind.name()),
            message: error.to_string(),
        }
    }

    /// Whether it succeeded.
    pub fn is_ok(&self) -> bool {
        !matches!(self, Self::Error { .. })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok(bytes) if bytes.len() > SHOWN => {
                write!(f, "ok {} bytes, hash {:016x}", bytes.len(), fnv(bytes))
            }
            Self::Ok(bytes) => write!(f, "ok {}", quote(bytes)),
            Self::Nothing => f.write_str("nothing"),
            Self::Error { kind, message } => {
                write!(f, "error {kind} {}", quote(message.as_bytes()))
            }
        }
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// FNV-1a.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}
