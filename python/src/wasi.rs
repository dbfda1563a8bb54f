//! `Wasi`: what a plug-in's WASI is given, as Python says it.
//!
//! It only reads arguments; what they mean, and what is refused, is core's.

use polyextism::{Clock, Output};
use pyo3::{
    prelude::*,
    types::{PyBool, PyBytes, PyDict, PyString, PyTuple},
};

use crate::{
    bytes,
    convert::{self, Input},
    error, parking,
};

/// What a plug-in's WASI is given. Nothing of the process is, unless it is said here.
///
/// `Plugin(..., wasi=Wasi(args=["program", "-v"], stdout="capture"))` gives a guest two arguments,
/// and what it writes to its standard output is then in `Plugin.stdout`. Folders are granted by
/// `allowed_paths` of the manifest. Each instance starts with this afresh; a command, which is a
/// plug-in with `_start`, gets a new instance for each call.
///
/// Args:
///     args: The arguments; by convention the first is the name of the program.
///     env: The environment variables.
///     stdin: What can be read from standard input: a `str` (as UTF-8), bytes or another buffer.
///     stdout: Where standard output goes: `"discard"`, `"inherit"` (to that of the process, not to
///         `sys.stdout`) or `"capture"`. If not given, it is discarded, or inherited if the
///         environment variable `EXTISM_ENABLE_WASI_OUTPUT` is set. A stream of the process that is
///         full, as a pipe that nobody reads, makes the call wait, and no time limit ends that.
///     stderr: Where standard error goes, likewise.
///     capture_limit: The most bytes of each stream that are kept of one call. What does not fit is
///         lost, and the write fails with `EIO`.
///     clock: Makes time the same in every run: nanoseconds since 1970, as of `time.time_ns()`. Each
///         look at a clock moves it by a microsecond, and waiting (which takes real time) by the
///         time waited for. If not given, time is real.
///     seed: Makes randomness the same in every run. If not given, it is real.
///     max_descriptors: The most descriptors that the guest has open at a time, with the three
///         standard streams and the allowed folders.
///
/// Raises:
///     extism.ArgumentError: If a stream goes to something else. Texts that no C string can hold
///         are refused when the plug-in is made.
#[pyclass(module = "extism", frozen)]
pub(crate) struct Wasi(polyextism::Wasi);

#[pymethods]
impl Wasi {
    #[new]
    #[expect(
        clippy::too_many_arguments,
        reason = "they are named where they are given"
    )]
    #[pyo3(
        signature = (
            *, args = None, env = None, stdin = None, stdout = None, stderr = None,
            capture_limit = Output::CAPTURE_LIMIT, clock = None, seed = None,
            max_descriptors = polyextism::Wasi::MAX_DESCRIPTORS
        ),
        text_signature = "(*, args=None, env=None, stdin=None, stdout=None, stderr=None, \
                          capture_limit=1048576, clock=None, seed=None, max_descriptors=256)"
    )]
    fn new(
        py: Python<'_>,
        args: Option<&Bound<'_, PyAny>>,
        env: Option<&Bound<'_, PyAny>>,
        stdin: Option<Input<'_, '_>>,
        stdout: Option<&str>,
        stderr: Option<&str>,
        capture_limit: usize,
        clock: Option<u64>,
        seed: Option<u64>,
        max_descriptors: usize,
    ) -> PyResult<Self> {
        parking::prepare();
        let args = args.map(arguments).transpose()?;
        let env = match env {
            None => Vec::new(),
            Some(env) => pairs(env)?,
        };
        Ok(Self(
            polyextism::Wasi::default()
                .with_args(args.unwrap_or_default())
                .with_env(env)
                .with_stdin(
                    stdin
                        .map(|stdin| stdin.bytes().to_vec())
                        .unwrap_or_default(),
                )
                .with_stdout(output(py, "stdout", stdout, capture_limit)?)
                .with_stderr(output(py, "stderr", stderr, capture_limit)?)
                .with_clock(clock.map_or(Clock::Real, Clock::Fixed))
                .with_seed(seed)
                .with_max_descriptors(max_descriptors),
        ))
    }

    /// The arguments.
    #[getter]
    fn args(&self) -> Vec<&str> {
        self.0.args.iter().map(String::as_str).collect()
    }

    /// The environment variables.
    #[getter]
    fn env<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let env = PyDict::new(py);
        for (name, value) in &self.0.env {
            env.set_item(name, value)?;
        }
        Ok(env)
    }

    /// What can be read from standard input.
    #[getter]
    fn stdin<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        bytes::bytes(py, &self.0.stdin)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let mut given = Vec::new();
        let shown = |value: Bound<'_, PyAny>| PyResult::Ok(value.repr()?.to_string());
        if !self.0.args.is_empty() {
            given.push(format!("args={}", shown(self.args().into_pyobject(py)?)?));
        }
        if !self.0.env.is_empty() {
            // Values may be secrets.
            let names = self.0.env.iter().map(|(name, _)| format!("'{name}': ..."));
            given.push(format!("env={{{}}}", names.collect::<Vec<_>>().join(", ")));
        }
        if !self.0.stdin.is_empty() {
            given.push(format!("stdin=<{} bytes>", self.0.stdin.len()));
        }
        for (name, output) in [("stdout", self.0.stdout), ("stderr", self.0.stderr)] {
            if let (Some(place), _) = place(output) {
                given.push(format!("{name}='{place}'"));
            }
        }
        if let Clock::Fixed(nanoseconds) = self.0.clock {
            given.push(format!("clock={nanoseconds}"));
        }
        if let Some(seed) = self.0.seed {
            given.push(format!("seed={seed}"));
        }
        Ok(format!("Wasi({})", given.join(", ")))
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let given = PyDict::new(py);
        given.set_item("args", self.args())?;
        given.set_item("env", self.env(py)?)?;
        given.set_item("stdin", self.stdin(py)?)?;
        for (name, output) in [("stdout", self.0.stdout), ("stderr", self.0.stderr)] {
            let (place, limit) = place(output);
            given.set_item(name, place)?;
            if let Some(limit) = limit {
                given.set_item("capture_limit", limit)?;
            }
        }
        if let Clock::Fixed(nanoseconds) = self.0.clock {
            given.set_item("clock", nanoseconds)?;
        }
        given.set_item("seed", self.0.seed)?;
        given.set_item("max_descriptors", self.0.max_descriptors)?;
        let make = parking::import(py, "functools")?.getattr("partial")?;
        let make = make.call((py.get_type::<Self>(),), Some(&given))?;
        (make, PyTuple::empty(py)).into_pyobject(py)
    }
}

/// The name of a place, and the limit of what is captured there.
fn place(output: Output) -> (Option<&'static str>, Option<usize>) {
    match output {
        Output::Default => (None, None),
        Output::Discard => (Some("discard"), None),
        Output::Inherit => (Some("inherit"), None),
        Output::Capture { limit } => (Some("capture"), Some(limit)),
    }
}

fn arguments(args: &Bound<'_, PyAny>) -> PyResult<Vec<String>> {
    if args.is_instance_of::<PyString>() {
        let found = args.repr()?;
        let message = format!("args= is a list of texts, found the text {found}; write args=[...]");
        return Err(error::argument(args.py(), message));
    }
    args.extract()
}

fn pairs(env: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    let dict = PyDict::new(env.py());
    dict.update(env.cast()?)?;
    dict.iter()
        .map(|(name, value)| Ok((name.extract()?, value.extract()?)))
        .collect()
}

fn output(py: Python<'_>, which: &str, place: Option<&str>, limit: usize) -> PyResult<Output> {
    Ok(match place {
        None => Output::Default,
        Some("discard") => Output::Discard,
        Some("inherit") => Output::Inherit,
        Some("capture") => Output::Capture { limit },
        Some(other) => {
            let message = format!(
                "{which}= is `{other}`; it is `discard`, `inherit` or `capture`, or not given"
            );
            return Err(error::argument(py, message));
        }
    })
}

/// What `wasi=` says: a truth value, or settings.
pub(crate) struct Setting(pub(crate) Option<polyextism::Wasi>);

/// What `wasi=` says, or that it was not given.
pub(crate) struct Given(pub(crate) Option<Setting>);

impl<'py> FromPyObject<'_, 'py> for Given {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        value.extract().map(Some).map(Self)
    }
}

impl Setting {
    pub(crate) const OFF: Self = Self(None);

    /// What says the same.
    pub(crate) fn object<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match &self.0 {
            None => Ok(PyBool::new(py, false).to_owned().into_any()),
            Some(settings) => Ok(Bound::new(py, Wasi(settings.clone()))?.into_any()),
        }
    }
}

impl<'py> FromPyObject<'_, 'py> for Setting {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(settings) = value.cast::<Wasi>() {
            return Ok(Self(Some(settings.get().0.clone())));
        }
        let Ok(is_on) = value.extract::<bool>() else {
            let found = convert::type_name(&value);
            let message =
                format!("wasi= is a value of type {found}; it is True, False or an extism.Wasi");
            return Err(error::argument(value.py(), message));
        };
        Ok(Self(is_on.then(Default::default)))
    }
}
