//! The one error type: a kind, a message, and what caused it.
//!
//! Kinds come in three families (see [`Family`]): the guest failed, the input is wrong, the engine cannot. Messages
//! are made here and in core only, so they are the same on every engine; the engine's own text is kept as the
//! source.
//!
//! Invariants: an [`Error`] is one pointer wide, so `Result<i32>` travels in registers; constructors are `#[cold]`;
//! the length of text from guests is bounded by [`Error::GUEST_TEXT_LIMIT`].

use std::{error::Error as StdError, fmt};

use crate::base::{
    frames::{FRAMES, Frame, Position},
    link_mistake::LinkMistake,
};

/// The result of a fallible function of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why WebAssembly code stopped, in the words of the WebAssembly specification.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Trap {
    /// A call through a table whose element has another type.
    #[error("indirect call type mismatch")]
    BadSignature,
    /// A float that has no integer value was converted.
    #[error("invalid conversion to integer")]
    BadConversion,
    /// An integer was divided by zero.
    #[error("integer divide by zero")]
    DivideByZero,
    /// An integer operation has no representable result.
    #[error("integer overflow")]
    IntegerOverflow,
    /// The program was stopped from outside.
    #[error("interrupted")]
    Interrupted,
    /// A linear memory was accessed outside of its bounds.
    #[error("out of bounds memory access")]
    MemoryOutOfBounds,
    /// A call through a null table element.
    #[error("uninitialized element")]
    NullElement,
    /// A null reference was used.
    #[error("null reference")]
    NullReference,
    /// The stack of the guest is exhausted.
    #[error("call stack exhausted")]
    StackOverflow,
    /// A table was accessed outside of its bounds.
    #[error("out of bounds table access")]
    TableOutOfBounds,
    /// An atomic access to an address that is not aligned.
    #[error("unaligned atomic access")]
    UnalignedAtomic,
    /// An `unreachable` instruction was executed.
    #[error("unreachable executed")]
    Unreachable,
    /// An array was accessed outside of its bounds.
    #[error("out of bounds array access")]
    ArrayOutOfBounds,
    /// A reference was cast to a type that it does not have.
    #[error("cast failure")]
    CastFailure,
    /// The requested array is longer than any heap allows.
    #[error("allocation size too large")]
    AllocationTooLarge,
    /// An exception was thrown that no guest caught.
    #[error("uncaught exception")]
    UncaughtException,
    /// A trap that this list has no name for; the engine's text is the source of the error.
    #[error("unnamed trap")]
    Other,
}

/// What went wrong, for programs.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// An argument of the host's call is invalid.
    Argument,
    /// The call was cancelled.
    Cancelled,
    /// The plug-in was used after it was closed.
    Closed,
    /// The engine itself failed: it is out of address space, or it refuses a module that core has made.
    Engine,
    /// The engine panicked, which is a bug of the engine. This plug-in cannot be used any more; others can.
    EnginePanic,
    /// The guest ended itself with this WASI exit code, which is not zero.
    Exit(i32),
    /// The guest set an error text.
    Guest,
    /// A host function failed; the source is its own error.
    HostFunction,
    /// The bytes are not a WebAssembly module that can be run.
    InvalidModule,
    /// An import cannot be resolved, or the modules do not fit together.
    Link,
    /// The manifest is wrong, or a source that it names cannot be read.
    Manifest,
    /// The request exceeds the memory limit of the plug-in.
    MemoryLimit,
    /// The fuel of the call is used up.
    OutOfFuel,
    /// The plug-in was called by its own host function.
    Reentrant,
    /// The function returned this code, which is not zero, and set no error text.
    ReturnCode(i32),
    /// The deadline of the call has passed, or the time to wait for an instance.
    Timeout,
    /// The guest trapped.
    Trap(Trap),
    /// No engine of that name is built in.
    UnknownEngine,
    /// The plug-in has no such function that can be called.
    UnknownFunction,
    /// The engine does not support what was asked for.
    Unsupported,
}

/// The three families of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// The guest, or a host function on its behalf, failed while it ran.
    Guest,
    /// The input of the host is wrong.
    Input,
    /// The engine cannot do what was asked.
    Engine,
}

impl ErrorKind {
    /// The stable name of the kind, in kebab case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Argument => "argument",
            Self::Cancelled => "cancelled",
            Self::Closed => "closed",
            Self::Engine => "engine",
            Self::EnginePanic => "engine-panic",
            Self::Exit(_) => "exit",
            Self::Guest => "guest",
            Self::HostFunction => "host-function",
            Self::InvalidModule => "invalid-module",
            Self::Link => "link",
            Self::Manifest => "manifest",
            Self::MemoryLimit => "memory-limit",
            Self::OutOfFuel => "out-of-fuel",
            Self::Reentrant => "reentrant",
            Self::ReturnCode(_) => "return-code",
            Self::Timeout => "timeout",
            Self::Trap(_) => "trap",
            Self::UnknownEngine => "unknown-engine",
            Self::UnknownFunction => "unknown-function",
            Self::Unsupported => "unsupported",
        }
    }

    /// The family of the kind.
    pub const fn family(self) -> Family {
        match self {
            Self::Cancelled
            | Self::Exit(_)
            | Self::Guest
            | Self::HostFunction
            | Self::MemoryLimit
            | Self::OutOfFuel
            | Self::ReturnCode(_)
            | Self::Timeout
            | Self::Trap(_) => Family::Guest,
            Self::Argument
            | Self::Closed
            | Self::InvalidModule
            | Self::Link
            | Self::Manifest
            | Self::Reentrant
            | Self::UnknownEngine
            | Self::UnknownFunction => Family::Input,
            Self::Engine | Self::EnginePanic | Self::Unsupported => Family::Engine,
        }
    }
}

impl Trap {
    /// The stable name of the trap, in kebab case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::BadSignature => "bad-signature",
            Self::BadConversion => "bad-conversion",
            Self::DivideByZero => "divide-by-zero",
            Self::IntegerOverflow => "integer-overflow",
            Self::Interrupted => "interrupted",
            Self::MemoryOutOfBounds => "memory-out-of-bounds",
            Self::NullElement => "null-element",
            Self::NullReference => "null-reference",
            Self::StackOverflow => "stack-overflow",
            Self::TableOutOfBounds => "table-out-of-bounds",
            Self::UnalignedAtomic => "unaligned-atomic",
            Self::Unreachable => "unreachable",
            Self::ArrayOutOfBounds => "array-out-of-bounds",
            Self::CastFailure => "cast-failure",
            Self::AllocationTooLarge => "allocation-too-large",
            Self::UncaughtException => "uncaught-exception",
            Self::Other => "other",
        }
    }
}

/// A failure: its kind, a message for people, and what caused it.
pub struct Error(Box<Repr>);

struct Repr {
    kind: ErrorKind,
    message: String,
    code: Option<i32>,
    guest_text: Option<Vec<u8>>,
    link_mistakes: Box<[LinkMistake]>,
    trace: Trace,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// Where guests were when the call failed.
enum Trace {
    /// As the engine reported it; empty if it reported nothing.
    Positions(Vec<Position>),
    /// As users see it.
    Frames(Box<[Frame]>),
}

const _: () = assert!(size_of::<Error>() == size_of::<usize>());

impl Error {
    /// The longest text of a guest, in bytes, that a message contains.
    pub const GUEST_TEXT_LIMIT: usize = 64 * 1024;

    /// An error of `kind` with a message.
    #[cold]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let code = match kind {
            ErrorKind::Exit(code) | ErrorKind::ReturnCode(code) => Some(code),
            _ => None,
        };
        Self(Box::new(Repr {
            kind,
            message: message.into(),
            code,
            guest_text: None,
            link_mistakes: Box::default(),
            trace: Trace::Positions(Vec::new()),
            source: None,
        }))
    }

    /// A trap of the guest. The message is made here, so it is the same on every engine.
    #[cold]
    pub fn trap(trap: Trap) -> Self {
        Self::new(ErrorKind::Trap(trap), format!("the guest trapped: {trap}"))
    }

    /// The guest has more objects than the limits of the plug-in allow.
    #[cold]
    pub fn heap_full() -> Self {
        let message =
            "the guest has more objects than the limits `heap_pages` and `memory_pages` allow";
        Self::new(ErrorKind::MemoryLimit, message)
    }

    /// The engine does not support `what`.
    #[cold]
    pub fn unsupported(engine: &str, what: impl fmt::Display) -> Self {
        Self::new(
            ErrorKind::Unsupported,
            format!("engine `{engine}` has no {what}"),
        )
    }

    /// The error text that a guest set, cut at [`Self::GUEST_TEXT_LIMIT`]; [`Error::guest_text`] returns the bytes.
    #[cold]
    pub(crate) fn guest(text: &[u8]) -> Self {
        let cut = &text[..text.len().min(Self::GUEST_TEXT_LIMIT)];
        let message = match String::from_utf8_lossy(cut) {
            text if text.is_empty() => "the guest set an error without a text".to_owned(),
            text => text.into_owned(),
        };
        let mut error = Self::new(ErrorKind::Guest, message);
        error.0.guest_text = Some(cut.to_vec());
        error
    }

    /// The same error with what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same error with the imports that could not be resolved.
    #[must_use]
    pub(crate) fn with_link_mistakes(mut self, mistakes: Vec<LinkMistake>) -> Self {
        self.0.link_mistakes = mistakes.into();
        self
    }

    /// The same error with the functions that were running, the innermost first. No more than
    /// [`FRAMES`] are taken.
    #[must_use]
    pub fn with_positions(mut self, positions: impl IntoIterator<Item = Position>) -> Self {
        self.0.trace = Trace::Positions(positions.into_iter().take(FRAMES).collect());
        self
    }

    /// The same error with the trace of `other`, if it has none itself.
    #[must_use]
    pub(crate) fn with_trace_of(mut self, other: &mut Self) -> Self {
        if matches!(&self.0.trace, Trace::Positions(positions) if positions.is_empty()) {
            std::mem::swap(&mut self.0.trace, &mut other.0.trace);
        }
        self
    }

    /// The same error with frames instead of positions. Existing frames stay: they belong to another plug-in, which
    /// was called on behalf of this one.
    #[must_use]
    pub(crate) fn with_frames(mut self, frame: impl Fn(Position) -> Option<Frame>) -> Self {
        if let Trace::Positions(positions) = &self.0.trace {
            self.0.trace = Trace::Frames(positions.iter().copied().filter_map(frame).collect());
        }
        self
    }

    /// The same error with the code that the guest function returned, if it is not zero.
    #[must_use]
    pub(crate) fn with_code(mut self, code: i32) -> Self {
        if code != 0 {
            self.0.code = Some(code);
        }
        self
    }

    /// What went wrong, for programs.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The return code or exit code of the guest, if it gave one that is not zero.
    pub fn code(&self) -> Option<i32> {
        self.0.code
    }

    /// The unresolved imports that the message names, in order. Empty for any other error.
    pub fn link_mistakes(&self) -> &[LinkMistake] {
        &self.0.link_mistakes
    }

    /// The error text exactly as the guest set it, which need not be UTF-8.
    pub fn guest_text(&self) -> Option<&[u8]> {
        self.0.guest_text.as_deref()
    }

    /// The functions of guests that were running, the innermost first and at most [`FRAMES`].
    /// Empty if no guest was running, or if the engine cannot tell.
    pub fn backtrace(&self) -> &[Frame] {
        match &self.0.trace {
            Trace::Frames(frames) => frames,
            Trace::Positions(_) => &[],
        }
    }

    /// Where guests were, as the engine reported it. Empty once there are frames.
    pub(crate) fn positions(&self) -> &[Position] {
        match &self.0.trace {
            Trace::Positions(positions) => positions,
            Trace::Frames(_) => &[],
        }
    }

    /// Takes the source out of the error.
    pub fn take_source(&mut self) -> Option<Box<dyn StdError + Send + Sync>> {
        self.0.source.take()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.0.message)?;
        match &self.0.source {
            Some(source) => write!(f, " (caused by: {source})"),
            None => Ok(()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
