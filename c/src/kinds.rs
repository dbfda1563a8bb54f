//! The kinds of errors as numbers and names for C.

use std::ffi::{CStr, c_int};

use polyextism::ErrorKind;

/// The number and the name of each kind, as the header has them.
const KINDS: &[(c_int, &CStr)] = &[
    (0, c"none"),
    (1, c"argument"),
    (2, c"cancelled"),
    (3, c"closed"),
    (4, c"engine"),
    (5, c"engine-panic"),
    (6, c"exit"),
    (7, c"guest"),
    (8, c"host-function"),
    (9, c"invalid-module"),
    (10, c"link"),
    (11, c"manifest"),
    (12, c"memory-limit"),
    (13, c"out-of-fuel"),
    (14, c"reentrant"),
    (15, c"return-code"),
    (16, c"timeout"),
    (17, c"trap"),
    (18, c"unknown-engine"),
    (19, c"unknown-function"),
    (20, c"unsupported"),
    (OTHER, c"other"),
];

/// The number of all kinds that the header has no number for.
const OTHER: c_int = 99;

/// No error.
pub(crate) const NONE: c_int = 0;

/// The number of a kind.
pub(crate) fn number(kind: ErrorKind) -> c_int {
    let name = kind.name();
    let known = KINDS
        .iter()
        .find(|(_, known)| known.to_bytes() == name.as_bytes());
    known.map_or(OTHER, |(number, _)| *number)
}

/// The name of the kind with this number.
pub(crate) fn name(number: c_int) -> Option<&'static CStr> {
    let known = KINDS.iter().find(|(known, _)| *known == number);
    known.map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use polyextism::{ErrorKind, Trap};

    use super::{OTHER, name, number};

    #[test]
    fn every_kind_has_a_number() {
        for kind in [
            ErrorKind::Argument,
            ErrorKind::Cancelled,
            ErrorKind::Closed,
            ErrorKind::Engine,
            ErrorKind::EnginePanic,
            ErrorKind::Exit(1),
            ErrorKind::Guest,
            ErrorKind::HostFunction,
            ErrorKind::InvalidModule,
            ErrorKind::Link,
            ErrorKind::Manifest,
            ErrorKind::MemoryLimit,
            ErrorKind::OutOfFuel,
            ErrorKind::Reentrant,
            ErrorKind::ReturnCode(1),
            ErrorKind::Timeout,
            ErrorKind::Trap(Trap::Other),
            ErrorKind::UnknownEngine,
            ErrorKind::UnknownFunction,
            ErrorKind::Unsupported,
        ] {
            assert_ne!(number(kind), OTHER, "{kind:?}");
            let name = name(number(kind)).expect("it has a name");
            assert_eq!(name.to_str(), Ok(kind.name()));
        }
        assert_eq!(name(-1), None);
    }
}
