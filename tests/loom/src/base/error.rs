//! A stand-in for the errors of core: the kind is all that scenarios look at.

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    Cancelled,
    Timeout,
}

#[derive(Debug)]
pub(crate) struct Error(ErrorKind);

impl Error {
    pub(crate) fn new(kind: ErrorKind, _: impl Into<String>) -> Self {
        Self(kind)
    }

    pub(crate) fn kind(&self) -> ErrorKind {
        self.0
    }
}
