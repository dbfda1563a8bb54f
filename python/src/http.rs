//! HTTP clients in Python, and progress reports of downloads.
//!
//! Core decides which requests are sent. Here they become Python objects, and responses become values of core.
//!
//! Invariants: an exception is kept, unchanged, in the error of core. Only the Python object owns the callable, so the
//! garbage collector sees it. The references of core do not keep it alive.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use polyextism::{
    Error, ErrorKind, HttpClient, HttpOptions, HttpRequest, HttpResponse, Progress, Result,
};
use pyo3::{
    PyTraverseError, PyVisit,
    prelude::*,
    sync::PyOnceLock,
    types::{PyDict, PyType},
};

use crate::{bytes, convert::type_name, error, parking::OnDrop};

/// The HTTP arguments of a plug-in.
#[derive(Clone, Copy, Default)]
pub(crate) struct Given<'a, 'py> {
    pub(crate) client: Option<&'a Bound<'py, PyAny>>,
    pub(crate) response_headers: bool,
    pub(crate) progress: Option<&'a Bound<'py, PyAny>>,
}

impl Given<'_, '_> {
    /// Refuses them together with a `CompiledPlugin`, which has its own.
    pub(crate) fn refuse(self, py: Python<'_>) -> PyResult<()> {
        let given = [
            ("http_client", self.client.is_some()),
            ("http_response_headers", self.response_headers),
            ("progress", self.progress.is_some()),
        ];
        match given.iter().find(|(_, given)| *given) {
            None => Ok(()),
            Some((name, _)) => {
                let message = format!("{name}= is given to the CompiledPlugin, not beside it");
                Err(error::argument(py, message))
            }
        }
    }

    /// An object that owns the client, if there is one.
    pub(crate) fn client(self, py: Python<'_>) -> PyResult<Option<Py<Client>>> {
        let Some(client) = self.client else {
            return Ok(None);
        };
        callable(client, "http_client")?;
        let target = Arc::new(Target {
            _parks: OnDrop,
            callable: Mutex::new(Some(client.clone().unbind())),
        });
        Py::new(py, Client(target)).map(Some)
    }
}

fn callable(object: &Bound<'_, PyAny>, name: &str) -> PyResult<()> {
    match object.is_callable() {
        true => Ok(()),
        false => {
            let found = type_name(object);
            let message = format!("{name}= is a callable, found a value of type {found}");
            Err(error::argument(object.py(), message))
        }
    }
}

/// An HTTP client of the user.
#[pyclass(module = "extism._native", frozen)]
pub(crate) struct Client(Arc<Target>);

/// The part of a client that core references.
struct Target {
    _parks: OnDrop,
    callable: Mutex<Option<Py<PyAny>>>,
}

#[pymethods]
impl Client {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Ok(target) = self.0.callable.try_lock() {
            visit.call(&*target)?;
        }
        Ok(())
    }

    fn __clear__(&self) {
        let target = self.0.lock().take();
        // After the lock is free, because dropping it may run any Python code.
        drop(target);
    }
}

impl Client {
    pub(crate) fn core(&self) -> Arc<dyn HttpClient> {
        self.0.clone()
    }

    /// The callable of the user.
    pub(crate) fn callable(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        let target = self.0.lock();
        target.as_ref().map(|target| target.clone_ref(py))
    }
}

impl Target {
    fn lock(&self) -> MutexGuard<'_, Option<Py<PyAny>>> {
        self.callable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ask(&self, py: Python<'_>, request: HttpRequest) -> Result<HttpResponse> {
        let target = self.lock().as_ref().map(|target| target.clone_ref(py));
        let Some(target) = target else {
            let message = "the HTTP client is gone: it was garbage collected";
            return Err(Error::new(ErrorKind::HostFunction, message));
        };
        let answer = to_python(py, request).and_then(|request| target.bind(py).call1((request,)));
        let answer = answer.map_err(|raised| failed(py, raised))?;
        let class = class(py, &RESPONSE, "HttpResponse").map_err(|raised| failed(py, raised))?;
        if !answer.is_instance(class).unwrap_or(false) {
            let found = type_name(&answer);
            let message = format!(
                "the HTTP client returned a value of type {found}, expected an extism.HttpResponse"
            );
            return Err(Error::new(ErrorKind::HostFunction, message));
        }
        from_python(&answer).map_err(|raised| failed(py, raised))
    }
}

impl HttpClient for Target {
    fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
        Python::try_attach(|py| self.ask(py, request)).unwrap_or_else(|| Err(too_late()))
    }
}

static REQUEST: PyOnceLock<Py<PyType>> = PyOnceLock::new();
static RESPONSE: PyOnceLock<Py<PyType>> = PyOnceLock::new();

fn class<'py>(
    py: Python<'py>,
    cell: &'static PyOnceLock<Py<PyType>>,
    name: &str,
) -> PyResult<&'py Bound<'py, PyType>> {
    cell.import(py, "extism.http", name)
}

fn to_python(py: Python<'_>, request: HttpRequest) -> PyResult<Bound<'_, PyAny>> {
    let headers = PyDict::new(py);
    for (name, value) in &request.headers {
        // Values of the same name become a list.
        let value = match headers.get_item(name)? {
            Some(first) => format!("{}, {value}", first.extract::<String>()?),
            None => value.clone(),
        };
        headers.set_item(name, value)?;
    }
    let body = bytes::bytes(py, &request.body)?;
    let timeout = request.timeout.as_secs_f64();
    class(py, &REQUEST, "HttpRequest")?.call1((request.method, request.url, headers, body, timeout))
}

fn from_python(response: &Bound<'_, PyAny>) -> PyResult<HttpResponse> {
    let mut headers = Vec::new();
    for item in response
        .getattr("headers")?
        .call_method0("items")?
        .try_iter()?
    {
        let (name, value): (String, String) = item?.extract()?;
        headers.push((name, value.into_bytes()));
    }
    Ok(HttpResponse::new(response.getattr("status")?.extract()?)
        .with_headers(headers)
        .with_body(response.getattr("body")?.extract()?))
}

#[cold]
fn failed(py: Python<'_>, raised: PyErr) -> Error {
    error::raised(py, "the HTTP client", raised)
}

#[cold]
fn too_late() -> Error {
    let message = "Python code about HTTP cannot run: the Python interpreter is shutting down";
    Error::new(ErrorKind::HostFunction, message)
}

/// Reports downloads to a callable while a plug-in is compiled.
pub(crate) struct ProgressReporter {
    tell: Option<Py<PyAny>>,
    last: Mutex<Option<(u64, Option<u64>)>>,
    raised: Mutex<Option<PyErr>>,
}

impl ProgressReporter {
    pub(crate) fn new(given: Given<'_, '_>) -> PyResult<Arc<Self>> {
        if let Some(progress) = given.progress {
            callable(progress, "progress")?;
        }
        Ok(Arc::new(Self {
            tell: given.progress.map(|progress| progress.clone().unbind()),
            last: Mutex::default(),
            raised: Mutex::default(),
        }))
    }

    /// The HTTP options for core.
    pub(crate) fn options(self: &Arc<Self>, given: Given<'_, '_>) -> HttpOptions {
        let this = self.clone();
        HttpOptions::default()
            .with_response_headers(given.response_headers)
            .with_progress(move |progress| this.report(progress))
    }

    /// The exception of the callable, or of a signal handler during a download.
    pub(crate) fn take_raised(&self) -> Option<PyErr> {
        let mut raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
        raised.take()
    }

    fn report(&self, progress: Progress) -> Result<()> {
        let raised = match Python::try_attach(|py| self.tell(py, progress)) {
            Some(Ok(())) => return Ok(()),
            Some(Err(raised)) => raised,
            None => return Err(too_late()),
        };
        *self.raised.lock().unwrap_or_else(PoisonError::into_inner) = Some(raised);
        let message = "the download was given up";
        Err(Error::new(ErrorKind::Cancelled, message))
    }

    fn tell(&self, py: Python<'_>, progress: Progress) -> PyResult<()> {
        py.check_signals()?;
        let Some(tell) = &self.tell else {
            return Ok(());
        };
        let state = (progress.received, progress.total);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.replace(state) == Some(state) {
            return Ok(());
        }
        drop(last);
        tell.bind(py).call1(state)?;
        Ok(())
    }
}
