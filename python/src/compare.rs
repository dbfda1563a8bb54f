//! `compare`: the same calls on several engines, for Python.
//!
//! Core runs the calls and finds what differs; here arguments become core's values, and its report
//! becomes the value types of `extism._compare`. Invariants: the GIL is released while a guest runs; an exception
//! that is no failure of a plug-in, such as Ctrl-C, ends the comparison unchanged.

use std::{
    error::Error as _,
    time::{Duration, Instant},
};

use polyextism::{
    Choice, Error, ErrorKind, Manifest, Options,
    comparison::{Call, LogLine, Report, Run, Setup, Step, Trial, Unsupported, check},
};
use pyo3::{
    exceptions::PyException,
    prelude::*,
    types::{PyBytes, PyDict, PyString, PyTuple},
};

use crate::{
    bytes,
    convert::{self, Input, Timeout, type_name},
    engines, error, expect,
    functions::Functions,
    http::{Given, ProgressReporter},
    log, parking, signals, stacks,
    wasi::Setting,
};

/// The values of `unsupported=`.
const UNSUPPORTED: &[(&str, Unsupported)] = &[
    ("difference", Unsupported::Differs),
    ("ignore", Unsupported::LeftOut),
];

/// Runs the same calls on several engines and reports whether they agree.
///
/// Each engine gets a new instance, which makes the calls in order. Outputs, failures, log lines, variables and
/// captured output are compared. Time and memory are reported only. The report has the log lines, whatever the log
/// of the process is. Every engine runs as `extism.Engine(..., deterministic=True)`.
///
/// Args:
///     plugin: A path, text, bytes or a manifest, as for `Plugin`.
///     calls: The calls. Each is the name of a function, or a pair of a name and an input. A single pair is one
///         call.
///     engines: The engines, each as in `engine=` of `Plugin`. The default is every built-in engine with every
///         compiler. The same engine twice shows what differs from run to run.
///     wasi: As for `Plugin`. Fix `clock` and `seed` if the plug-in reads them.
///     config: As for `Plugin`.
///     functions: As for `Plugin`. Every engine calls the same functions.
///     timeout: The time limit of each call, in seconds. The default is `timeout_ms` of the manifest.
///     log_level: The lowest level of log lines that are compared. Guests see this level.
///     unsupported: What an engine counts as that lacks a feature of the plug-in: a `"difference"`, or `"ignore"`
///         to leave it out. If all engines lack it, none is left out.
///     http_client: As for `Plugin`.
///     http_response_headers: As for `Plugin`.
///
/// Returns:
///     An `extism.Report`. It includes failures of calls, and engines that cannot run the plug-in. If no engine can
///     make the plug-in, its `verdict` is `"not run"`.
///
/// Raises:
///     extism.ArgumentError: If an argument is wrong, or if there is no call or no engine.
///     extism.ManifestError: If the manifest cannot be read, or the configuration is wrong.
///     extism.UnknownEngineError: If an engine is not built in.
///     extism.UnknownFunctionError: If no engine finds one of the functions.
#[pyfunction]
#[pyo3(
    signature = (
        plugin, calls, engines = None, *, wasi = Setting::OFF, config = None, functions = None,
        timeout = None, log_level = "trace", unsupported = "difference", http_client = None,
        http_response_headers = false
    ),
    text_signature = "(plugin, calls, engines=None, *, wasi=False, config=None, functions=None, \
                      timeout=None, log_level='trace', unsupported='difference', \
                      http_client=None, http_response_headers=False)"
)]
#[expect(
    clippy::too_many_arguments,
    reason = "Python names them where it calls it"
)]
pub(crate) fn compare<'py>(
    plugin: &Bound<'py, PyAny>,
    calls: &Bound<'py, PyAny>,
    engines: Option<&Bound<'py, PyAny>>,
    wasi: Setting,
    config: Option<&Bound<'py, PyAny>>,
    functions: Option<&Bound<'py, PyAny>>,
    timeout: Option<Timeout>,
    #[pyo3(from_py_with = expect::log_level)] log_level: &str,
    #[pyo3(from_py_with = expect::unsupported)] unsupported: &str,
    http_client: Option<&Bound<'py, PyAny>>,
    #[pyo3(from_py_with = expect::http_response_headers)] http_response_headers: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let py = plugin.py();
    parking::prepare();
    let calls = self::calls(calls)?;
    let choices = choices(py, engines)?;
    check(&choices, &calls).map_err(|failure| error::raise(py, failure))?;
    let mut manifest = convert::manifest(plugin, &convert::Pipes::default())?;
    for (key, value) in config.map(convert::config).transpose()?.unwrap_or_default() {
        match value {
            Some(value) => manifest.config.insert(key, value),
            None => manifest.config.remove(&key),
        };
    }
    let http = Given {
        client: http_client,
        response_headers: http_response_headers,
        progress: None,
    };
    let progress = ProgressReporter::new(http)?;
    // These keep the host functions alive until the end.
    let functions = Functions::given(py, functions)?.with_client(http.client(py)?);
    let mut options = Options::default()
        .with_functions(functions.core())
        .with_wasi(wasi.0)
        .with_http(progress.options(http))
        .with_compiling(signals::compiling(None));
    options.http.client = functions.core_client();
    let subject = Subject {
        manifest,
        timeout,
        progress: &progress,
        setup: Setup::default()
            .with_options(options)
            .with_log_level(log::level(py, log_level)?)
            .with_unsupported(self::unsupported(py, unsupported)?),
    };
    signals::arrive(py)?;
    let _running = stacks::enter(py)?.map_err(|failure| error::raise(py, failure))?;
    let mut runs = Vec::new();
    for choice in &choices {
        runs.push(subject.run(py, choice, &calls)?);
    }
    if let Some(unknown) = unknown_everywhere(&mut runs) {
        return Err(error::raise(py, unknown));
    }
    let unsupported = subject.setup.unsupported;
    let report = py.detach(|| Report::new(calls, runs, unsupported));
    drop(functions);
    to_python(py, report)
}

/// The error for a function that no engine finds. It is a mistake of the caller, and the engines agree on it.
fn unknown_everywhere(runs: &mut [Run]) -> Option<Error> {
    let is_unknown = |step: &Step| {
        let failure = step.outcome.as_ref().err();
        failure.is_some_and(|failure| failure.kind() == ErrorKind::UnknownFunction)
    };
    let started = || runs.iter().filter_map(|run| run.steps.as_ref().ok());
    let calls = started().next()?.len();
    let unknown = (0..calls).find(|&call| started().all(|steps| is_unknown(&steps[call])))?;
    let run = runs.iter_mut().find_map(|run| run.steps.as_mut().ok())?;
    run.swap_remove(unknown).outcome.err()
}

/// The settings of all engines.
struct Subject<'a> {
    manifest: Manifest,
    setup: Setup,
    timeout: Option<Timeout>,
    progress: &'a ProgressReporter,
}

impl Subject<'_> {
    fn run(&self, py: Python<'_>, choice: &Choice, calls: &[Call]) -> PyResult<Run> {
        engines::prepare(py)?;
        let start = Instant::now();
        let (manifest, setup) = (&self.manifest, &self.setup);
        let trial = py.detach(|| Trial::start(choice, manifest, setup));
        let ready = start.elapsed();
        if let Some(raised) = self.progress.take_raised() {
            return Err(raised);
        }
        let steps = match trial {
            Ok(trial) => Ok(self.steps(py, trial, calls)?),
            Err(failure) => Err(no_stop(py, failure)?),
        };
        Ok(Run::new(choice.name(), ready, steps))
    }

    fn steps(&self, py: Python<'_>, mut trial: Trial, calls: &[Call]) -> PyResult<Vec<Step>> {
        signals::watch(trial.plugin());
        if let Some(Timeout(limit)) = self.timeout {
            trial.plugin().set_timeout(limit);
        }
        let mut steps = Vec::new();
        for call in calls {
            let mut step = py.detach(|| trial.call(call));
            step.outcome = match step.outcome {
                Ok(output) => Ok(output),
                Err(failure) => Err(no_stop(py, failure)?),
            };
            steps.push(step);
            py.check_signals()?;
        }
        Ok(steps)
    }
}

/// Returns the failure, unless it stands for an exception that stops the program.
fn no_stop(py: Python<'_>, failure: Error) -> PyResult<Error> {
    let stops = match failure.source() {
        None => false,
        Some(source) => match source.downcast_ref::<PyErr>() {
            Some(raised) => !raised.is_instance_of::<PyException>(py),
            None => source.is::<signals::Raised>(),
        },
    };
    match stops {
        true => Err(error::raise(py, failure)),
        false => Ok(failure),
    }
}

fn calls(calls: &Bound<'_, PyAny>) -> PyResult<Vec<Call>> {
    if calls.is_instance_of::<PyString>() {
        let message = "calls is a list of names and of pairs (name, input), found a str";
        return Err(error::argument(calls.py(), message));
    }
    // A pair of texts is one call, not the names of two.
    if let Ok(pair) = calls.cast::<PyTuple>()
        && pair.len() == 2
        && pair
            .iter()
            .all(|item| item.is_instance_of::<PyString>() || item.is_instance_of::<PyBytes>())
    {
        return Ok(vec![call(calls)?]);
    }
    let items = expect::items("calls", "a list of names and of pairs (name, input)", calls)?;
    items.map(|item| call(&item?)).collect()
}

fn call(item: &Bound<'_, PyAny>) -> PyResult<Call> {
    if let Ok(name) = item.cast::<PyString>() {
        return Ok(Call::new(name.to_str()?, []));
    }
    let pair = item.cast::<PyTuple>().ok();
    let pair = pair.filter(|pair| pair.len() == 2);
    let pair = pair.map(|pair| PyResult::Ok((pair.get_item(0)?, pair.get_item(1)?)));
    match pair.transpose()? {
        Some((name, input)) if name.is_instance_of::<PyString>() => {
            let input = input.extract::<Input<'_, '_>>()?;
            Ok(Call::new(name.extract::<String>()?, input.bytes()))
        }
        _ => {
            let found = type_name(item);
            let message = format!(
                "a call is the name of a function or a pair (name, input), found a value of type \
                 {found}"
            );
            Err(error::argument(item.py(), message))
        }
    }
}

fn choices(py: Python<'_>, engines: Option<&Bound<'_, PyAny>>) -> PyResult<Vec<Choice>> {
    let Some(engines) = engines else {
        return Ok(polyextism::engines().collect());
    };
    if engines.is_instance_of::<PyString>() {
        return Err(error::argument(py, "engines is a list, found a str"));
    }
    let choose = |engine: PyResult<Bound<'_, PyAny>>| engines::choose(py, Some(&engine?));
    expect::items("engines", "a list of engines", engines)?
        .map(choose)
        .collect()
}

fn unsupported(py: Python<'_>, name: &str) -> PyResult<Unsupported> {
    let known = UNSUPPORTED.iter().find(|(known, _)| *known == name);
    known.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let allowed: Vec<_> = UNSUPPORTED.iter().map(|(known, _)| *known).collect();
        let allowed = allowed.join(", ");
        let message = format!("unsupported is {name:?}, allowed are {allowed}");
        error::argument(py, message)
    })
}

/// The report as `extism.Report`.
fn to_python(py: Python<'_>, report: Report) -> PyResult<Bound<'_, PyAny>> {
    let types = parking::import(py, "extism._compare")?;
    let (text, verdict) = (report.to_string(), report.verdict().name());
    let mut differences = Vec::new();
    for one in report.differences() {
        let function = one.call.map(|call| report.calls()[call].function.clone());
        let values: Vec<_> = one.values.clone();
        let values = PyTuple::new(py, values)?;
        let arguments = (one.call, function, one.aspect.name(), values);
        differences.push(types.getattr("Difference")?.call1(arguments)?);
    }
    let calls = report.calls().to_vec();
    let mut runs = Vec::new();
    for run in report.into_runs() {
        let (steps, failure) = match run.steps {
            Ok(steps) => (steps, None),
            Err(failure) => (Vec::new(), Some(exception(py, failure))),
        };
        let steps = steps.into_iter().zip(&calls);
        let steps = steps.map(|(step, call)| self::step(&types, step, call));
        let steps = PyTuple::new(py, steps.collect::<PyResult<Vec<_>>>()?)?;
        let arguments = (run.engine, failure, steps, seconds(run.ready));
        runs.push(types.getattr("Run")?.call1(arguments)?);
    }
    let runs = PyTuple::new(py, runs)?;
    let differences = PyTuple::new(py, differences)?;
    types
        .getattr("Report")?
        .call1((runs, differences, text, verdict))
}

fn step<'py>(types: &Bound<'py, PyModule>, step: Step, call: &Call) -> PyResult<Bound<'py, PyAny>> {
    let py = types.py();
    let (output, failure) = match step.outcome {
        Ok(output) => (Some(bytes::bytes(py, &output)?), None),
        Err(failure) => (None, Some(exception(py, failure))),
    };
    let class = types.getattr("LogLine")?;
    let line = |line: LogLine| class.call1((line.level.name(), line.text));
    let log = step.log.into_iter().map(line);
    let log = PyTuple::new(py, log.collect::<PyResult<Vec<_>>>()?)?;
    let vars = PyDict::new(py);
    for (key, value) in step.vars {
        vars.set_item(key, bytes::bytes(py, &value)?)?;
    }
    let arguments = (
        &call.function,
        bytes::bytes(py, &call.input)?,
        output,
        failure,
        log,
        step.lost_lines,
        vars,
        bytes::bytes(py, &step.stdout)?,
        bytes::bytes(py, &step.stderr)?,
        step.memory_bytes,
        seconds(step.time),
    );
    types.getattr("Step")?.call1(arguments)
}

fn exception(py: Python<'_>, failure: Error) -> Bound<'_, PyAny> {
    error::raise(py, failure)
        .into_value(py)
        .into_bound(py)
        .into_any()
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}
