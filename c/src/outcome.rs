//! The outcome of a call: a return code and an error text.
//!
//! An error text begins with the wording of the official library, because SDKs search for it; our own sentence
//! follows. This module does not know how calls are made. Invariant: an error text that the guest has set is returned
//! without additions.

use std::{error::Error as _, ffi::CString};

use polyextism::{Error, ErrorKind, LinkReason};

use crate::{kinds, texts::c_text};

/// How a call ended.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcome {
    /// The return value of `extism_plugin_call`.
    pub(crate) code: i32,
    pub(crate) error: Option<CString>,
    /// The number of the error kind.
    pub(crate) kind: i32,
    /// Whether the guest set the text.
    pub(crate) by_guest: bool,
    /// Whether the guest returned, so that its output counts.
    pub(crate) returned: bool,
}

/// The return code of traps, time limits and cancellations.
const TRAPPED: i32 = 134;
/// The return code of all failures without a code of their own.
const FAILED: i32 = -1;

impl Outcome {
    /// The guest returned zero or had no result.
    pub(crate) const SUCCESS: Self = Self {
        code: 0,
        error: None,
        kind: kinds::NONE,
        by_guest: false,
        returned: true,
    };

    #[cold]
    pub(crate) fn failed(name: &str, error: &Error) -> Self {
        let kind = error.kind();
        let outcome = |code, text: Option<CString>| Self {
            code,
            error: text,
            kind: kinds::number(kind),
            by_guest: kind == ErrorKind::Guest,
            returned: false,
        };
        let with = |code, official: &str| {
            let text = c_text(format!("{official}: {error}"));
            outcome(code, Some(text))
        };
        match kind {
            ErrorKind::Guest => {
                let text = error.guest_text().unwrap_or_default();
                // If the guest did not return, the text says why, but there is no code.
                let ended = error.source().is_some();
                let code = if ended {
                    FAILED
                } else {
                    error.code().unwrap_or(0)
                };
                Self {
                    returned: !ended,
                    ..outcome(code, Some(c_text(text)))
                }
            }
            ErrorKind::ReturnCode(code) => Self {
                returned: true,
                ..outcome(code, None)
            },
            ErrorKind::Trap(_) => outcome(TRAPPED, Some(c_text(backtrace(error)))),
            ErrorKind::Exit(code) => outcome(code, Some(c_text(backtrace(error)))),
            ErrorKind::Timeout | ErrorKind::Cancelled => with(TRAPPED, "timeout"),
            ErrorKind::OutOfFuel => with(FAILED, "plugin ran out of fuel"),
            ErrorKind::UnknownFunction => with(FAILED, &format!("Function not found: {name}")),
            _ => outcome(FAILED, Some(c_text(error.to_string()))),
        }
    }

    /// A failure of the library itself.
    #[cold]
    pub(crate) fn refused(kind: ErrorKind, text: String) -> Self {
        Self {
            code: FAILED,
            error: Some(c_text(text)),
            kind: kinds::number(kind),
            by_guest: false,
            returned: false,
        }
    }
}

fn backtrace(error: &Error) -> String {
    let mut text = "error while executing at wasm backtrace:".to_owned();
    for (number, frame) in error.backtrace().iter().enumerate() {
        text.push_str(&format!("\n    {number}: {frame}"));
    }
    text.push_str(&format!("\n\n{error}"));
    text
}

/// Why a plug-in cannot be created.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An argument of the caller is wrong.
    Argument(String),
    /// The first step: from a manifest to code.
    Compile(Error),
    /// The second step: from code to an instance.
    Create(Error),
}

impl Failure {
    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::Argument(_) => ErrorKind::Argument,
            Self::Compile(error) | Self::Create(error) => error.kind(),
        }
    }

    pub(crate) fn text(&self) -> String {
        match self {
            Self::Argument(text) => text.clone(),
            Self::Compile(error) => {
                format!("Unable to compile Extism plugin: {}", cause(error))
            }
            Self::Create(error) => format!("Unable to create Extism plugin: {}", cause(error)),
        }
    }
}

/// The text for a link error. It begins with the first import that nothing provides.
fn cause(error: &Error) -> String {
    let mistakes = error.link_mistakes().iter();
    let mut missing = mistakes.filter(|mistake| mistake.reason != LinkReason::Misfit);
    match missing.next() {
        Some(mistake) => {
            let (namespace, name) = (&mistake.namespace, &mistake.name);
            let mut mistakes = error.link_mistakes().iter();
            let hint = match mistakes.any(|mistake| mistake.reason == LinkReason::WasiOff) {
                true => "; in C: pass `true` for `with_wasi`",
                false => "",
            };
            format!("unknown import: `{namespace}::{name}` has not been defined: {error}{hint}")
        }
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use polyextism::{Error, ErrorKind, Trap};

    use super::Outcome;

    #[test]
    fn codes_and_texts_are_those_that_clients_know() {
        for (kind, code, text) in [
            (ErrorKind::ReturnCode(5), 5, None),
            (
                ErrorKind::Trap(Trap::Unreachable),
                134,
                Some("error while executing at wasm backtrace:"),
            ),
            (
                ErrorKind::Exit(3),
                3,
                Some("error while executing at wasm backtrace:"),
            ),
            (ErrorKind::Timeout, 134, Some("timeout: why")),
            (ErrorKind::Cancelled, 134, Some("timeout: why")),
            (
                ErrorKind::OutOfFuel,
                -1,
                Some("plugin ran out of fuel: why"),
            ),
            (
                ErrorKind::UnknownFunction,
                -1,
                Some("Function not found: f: why"),
            ),
            (ErrorKind::HostFunction, -1, Some("why")),
        ] {
            let outcome = Outcome::failed("f", &Error::new(kind, "why"));
            assert_eq!(outcome.code, code, "{kind:?}");
            let found = outcome
                .error
                .as_ref()
                .map(|error| error.to_str().expect("it is UTF-8"));
            match (found, text) {
                (Some(found), Some(text)) => assert!(found.starts_with(text), "{kind:?}: {found}"),
                (found, text) => assert_eq!(found, text, "{kind:?}"),
            }
        }
    }
}
