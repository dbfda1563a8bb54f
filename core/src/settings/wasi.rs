//! The settings of WASI: plain values that know no library.
//!
//! Invariant: the default grants nothing of the process: no arguments, variables, input or folders. `allowed_paths`
//! of the manifest grants folders.

use crate::base::{
    error::{Error, ErrorKind, Result},
    setters::setters,
};

/// The settings of WASI for a plug-in.
///
/// Each instance starts with them. A command gets a new instance for each call.
///
/// ```
/// use polyextism_core::{Clock, Options, Output, Wasi};
///
/// let wasi = Wasi::default()
///     .with_args(vec!["program".into(), "--verbose".into()])
///     .with_stdin(b"text".to_vec())
///     .with_stdout(Output::CAPTURE)
///     .with_clock(Clock::Fixed(0))
///     .with_seed(7);
/// let options = Options::default().with_wasi(wasi);
/// # let _ = options;
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wasi {
    /// The arguments; by convention the first is the name of the program.
    pub args: Vec<String>,
    /// The environment variables, in this order.
    pub env: Vec<(String, String)>,
    /// The content of standard input.
    pub stdin: Vec<u8>,
    /// Where standard output goes.
    pub stdout: Output,
    /// Where standard error goes.
    pub stderr: Output,
    /// The time that clocks show.
    pub clock: Clock,
    /// The seed of random numbers: the same seed gives the same bytes on every engine, with the same version of
    /// this library. `None` is real randomness.
    pub seed: Option<u64>,
    /// The most descriptors that a guest has open at a time, including the three standard streams and the allowed
    /// folders. Opening another fails with `EMFILE`.
    pub max_descriptors: usize,
}

impl Default for Wasi {
    fn default() -> Self {
        Self {
            args: Vec::new(),
            env: Vec::new(),
            stdin: Vec::new(),
            stdout: Output::default(),
            stderr: Output::default(),
            clock: Clock::default(),
            seed: None,
            max_descriptors: Self::MAX_DESCRIPTORS,
        }
    }
}

setters!(Wasi {
    with_args = args: Vec<String>,
    with_env = env: Vec<(String, String)>,
    with_stdin = stdin: Vec<u8>,
    with_stdout = stdout: Output,
    with_stderr = stderr: Output,
    with_clock = clock: Clock,
    with_seed = seed: into Option<u64>,
    with_max_descriptors = max_descriptors: usize,
});

/// Where a standard output stream goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// Nowhere; writes succeed. To the stream of the process if the environment variable
    /// `EXTISM_ENABLE_WASI_OUTPUT` is set when the instance is made.
    #[default]
    Default,
    /// Nowhere; writes succeed.
    Discard,
    /// To the stream of the process. If that is full (a pipe without a reader), the call waits up to its deadline.
    /// Output bypasses the buffers of the host's language: flush them first.
    Inherit,
    /// Into memory, where [`Plugin::stdout`](crate::Plugin::stdout) and
    /// [`Plugin::stderr`](crate::Plugin::stderr) find it.
    Capture {
        /// The most bytes that are kept of one call. Further bytes are lost, and the write fails with `EIO`.
        limit: usize,
    },
}

impl Output {
    /// The most bytes of one stream that are captured, unless another limit is set: 1 MiB.
    pub const CAPTURE_LIMIT: usize = 1 << 20;

    /// Captures up to [`Self::CAPTURE_LIMIT`] bytes.
    pub const CAPTURE: Self = Self::Capture {
        limit: Self::CAPTURE_LIMIT,
    };
}

/// The time that clocks of a guest show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// The real time.
    #[default]
    Real,
    /// The same in every run. The clock of the day starts at this many nanoseconds since 1970, the monotonic one at
    /// 0; reading either clock moves both forward by a microsecond, and a wait (which takes real time) moves them
    /// by its length.
    Fixed(u64),
}

impl Wasi {
    /// The most descriptors that a guest has open at a time, unless another limit is set.
    pub const MAX_DESCRIPTORS: usize = 256;

    #[cfg(feature = "wasi")]
    pub(crate) fn captures(&self) -> bool {
        let is_captured = |output| matches!(output, Output::Capture { .. });
        is_captured(self.stdout) || is_captured(self.stderr)
    }

    /// Refuses texts that no C string can hold.
    pub(crate) fn check(&self) -> Result<()> {
        for (index, arg) in self.args.iter().enumerate() {
            without_nul(format_args!("args[{index}]"), arg)?;
        }
        for (name, value) in &self.env {
            if name.is_empty() || name.contains('=') {
                return Err(wrong(format_args!(
                    "env: `{name}` is no name of a variable: it must not be empty or contain `=`"
                )));
            }
            without_nul(format_args!("env: `{}`", name.escape_default()), name)?;
            without_nul(format_args!("env.{name}"), value)?;
        }
        Ok(())
    }
}

fn without_nul(what: std::fmt::Arguments<'_>, text: &str) -> Result<()> {
    match text.find('\0') {
        None => Ok(()),
        Some(at) => Err(wrong(format_args!(
            "{what}: byte {at} is NUL, which ends a text for the guest"
        ))),
    }
}

#[cold]
fn wrong(what: std::fmt::Arguments<'_>) -> Error {
    Error::new(ErrorKind::Argument, format!("wasi: {what}"))
}
