//! `Wasi`: the WASI settings of a plug-in.
//!
//! It only reads arguments. Core decides what they mean and what is refused.

use polyextism::{Clock, Output};
use pyo3::{
    prelude::*,
    types::{PyBool, PyBytes, PyDict, PyMapping, PyString, PyTuple},
};

use crate::{
    bytes,
    convert::{self, Input},
    error, expect, parking,
};

/// Settings for WASI preview 1, for `wasi=`. The guest sees nothing of the process but what you set here.
///
/// >>> plugin = Plugin("program.wasm", wasi=Wasi(args=["program", "-v"], stdout="capture"))
/// >>> plugin.call("_start")
/// >>> plugin.stdout
///
/// `allowed_paths` of the manifest grants folders. Each instance starts with these settings. A command, which is
/// a plug-in that exports `_start`, gets a new instance for each call.
///
/// Args:
///     args: The arguments. By convention the first one is the name of the program.
///     env: The environment variables.
///     stdin: The content of standard input: a `str` (as UTF-8), bytes or another buffer.
///     stdout: Where standard output goes. `"discard"`, `"capture"` for `Plugin.stdout`, or `"inherit"` for the
///         standard output of the process, which is not `sys.stdout`. The default is `"discard"`, or `"inherit"`
///         if the environment variable `EXTISM_ENABLE_WASI_OUTPUT` is set.
///     stderr: Where standard error goes, with the same values.
///     capture_limit: How many bytes of each stream are kept for one call. Further bytes are lost, and the write
///         fails with `EIO`.
///     clock: A fixed start time, in nanoseconds since 1970, as `time.time_ns()` returns it. Each reading advances
///         the clock by one microsecond. A sleep takes real time and advances it by its length. The default is
///         the real time.
///     seed: A seed for the random numbers of the guest. The default is real randomness.
///     max_descriptors: How many descriptors the guest may have open, including the three standard streams and
///         the allowed folders.
///
/// Raises:
///     extism.ArgumentError: If an argument has the wrong type or value. Texts with a NUL byte are refused when
///         the plug-in is made.
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
        #[pyo3(from_py_with = expect::stdout)] stdout: Option<&str>,
        #[pyo3(from_py_with = expect::stderr)] stderr: Option<&str>,
        #[pyo3(from_py_with = expect::capture_limit)] capture_limit: usize,
        #[pyo3(from_py_with = expect::clock)] clock: Option<u64>,
        #[pyo3(from_py_with = expect::seed)] seed: Option<u64>,
        #[pyo3(from_py_with = expect::max_descriptors)] max_descriptors: usize,
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

    /// The content of standard input.
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

/// The name of an output, and the limit of captured bytes.
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
        let found = convert::shown(args);
        let message = format!("args= is a list of texts, found the text {found}; write args=[...]");
        return Err(error::argument(args.py(), message));
    }
    let texts = expect::items("args", "a list of texts", args)?;
    texts
        .map(|item| Ok(expect::text("args", &item?)?.to_owned()))
        .collect()
}

fn pairs(env: &Bound<'_, PyAny>) -> PyResult<Vec<(String, String)>> {
    let Ok(mapping) = env.cast::<PyMapping>() else {
        let found = convert::type_name(env);
        let message = format!("env: expected a mapping of texts, found a value of type {found}");
        return Err(error::argument(env.py(), message));
    };
    let dict = PyDict::new(env.py());
    dict.update(mapping)?;
    let texts = dict.iter().map(|(name, value)| {
        let name = expect::text("a name in env", &name)?;
        let value = expect::text(&format!("env[{name:?}]"), &value)?;
        Ok((name.to_owned(), value.to_owned()))
    });
    texts.collect()
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

/// The argument `wasi=`: a bool, or settings.
pub(crate) struct Setting(pub(crate) Option<polyextism::Wasi>);

/// The argument `wasi=`; `None` if it was not given.
pub(crate) struct Given(pub(crate) Option<Setting>);

impl<'py> FromPyObject<'_, 'py> for Given {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        value.extract().map(Some).map(Self)
    }
}

impl Setting {
    pub(crate) const OFF: Self = Self(None);

    /// The value of `wasi=` that means the same.
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
