//! Arguments of Python calls as values of core: inputs, parsers, manifests and configurations.
//!
//! It checks types only. Core decides what a manifest may contain; it gets a dictionary as a tree of values, so
//! mistakes have the same text in every form of manifest.

use std::{collections::BTreeMap, mem, path::PathBuf, time::Duration};

use polyextism::{
    Compiling, Error, ErrorKind, Manifest,
    internal::{Unread, read_file},
    manifest::{Source, Value, config_update},
};
use pyo3::{
    intern,
    prelude::*,
    types::{PyBytes, PyDict, PyMapping, PyMemoryView, PyString, PyTuple},
};

use crate::{bytes, error, limits::Limits, parking, signals, tree};

/// Bytes that outlive the release of the GIL: borrowed from an immutable object, or copied.
pub(crate) enum Input<'a, 'py> {
    Borrowed(&'a [u8]),
    Copied(Bound<'py, PyBytes>),
}

impl Input<'_, '_> {
    pub(crate) const EMPTY: Self = Self::Borrowed(&[]);

    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Copied(bytes) => bytes.as_bytes(),
        }
    }
}

impl<'a, 'py> FromPyObject<'a, 'py> for Input<'a, 'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        if let Ok(bytes) = object.extract::<&[u8]>() {
            return Ok(Self::Borrowed(bytes));
        }
        if object.is_instance_of::<PyString>() {
            return Ok(Self::Borrowed(object.extract::<&str>()?.as_bytes()));
        }
        match buffer(&object)? {
            Some(bytes) => Ok(Self::Copied(bytes)),
            None => {
                let found = type_name(&object);
                let mut message = format!(
                    "expected a str, bytes or another buffer, found a value of type {found}"
                );
                if matches!(&*found, "dict" | "list") {
                    message.push_str("; json.dumps(...) writes it as JSON");
                }
                Err(error::argument(object.py(), message))
            }
        }
    }
}

/// A copy of the content of a buffer, or `None` if the object is not a buffer. It uses a memoryview, because the
/// buffer protocol is not part of the stable ABI of all supported versions.
pub(crate) fn buffer<'py>(object: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let Ok(view) = PyMemoryView::from(object) else {
        return Ok(None);
    };
    let bytes = view.call_method0(intern!(object.py(), "tobytes"))?;
    Ok(Some(bytes.cast_into::<PyBytes>()?))
}

/// A value in a message: its `repr`, cut. Its type if `repr` fails, as for numbers with very many digits.
#[cold]
#[pyfunction]
pub(crate) fn shown(value: &Bound<'_, PyAny>) -> String {
    const LONGEST: usize = 100;
    let text = value
        .repr()
        .map_or_else(|_| type_name(value), |text| text.to_string());
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A time limit in seconds; `None` if it is infinite or too long to be represented.
#[derive(Clone, Copy)]
pub(crate) struct Timeout(pub(crate) Option<Duration>);

impl Timeout {
    /// Reads the time limit from the argument `name`.
    pub(crate) fn read(name: &str, object: &Bound<'_, PyAny>) -> PyResult<Self> {
        let seconds = object
            .extract::<f64>()
            .ok()
            .filter(|seconds| *seconds >= 0.0);
        match seconds {
            Some(seconds) => Ok(Self(Duration::try_from_secs_f64(seconds).ok())),
            None => {
                let found = shown(object);
                let message =
                    format!("{name}: expected a number of seconds, at least 0, found {found}");
                Err(error::argument(object.py(), message))
            }
        }
    }
}

impl<'py> FromPyObject<'_, 'py> for Timeout {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Self::read("timeout", &object)
    }
}

/// The arguments of a `Function` in order, if some are given by name.
pub(crate) fn by_position<'py>(
    args: &Bound<'py, PyTuple>,
    kwargs: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyTuple>> {
    const NAMES: [&str; 5] = ["namespace", "name", "args", "returns", "f"];
    let py = args.py();
    let wrong = |message: String| Err(error::argument(py, message));
    for name in kwargs.keys() {
        let name = name.extract::<String>()?;
        if !NAMES.contains(&&*name) {
            let allowed = NAMES.join(", ");
            return wrong(format!(
                "a Function has no argument `{name}`, it has {allowed}"
            ));
        }
    }
    // The first positional argument is the namespace only if the name is given as well.
    let second = args.get_item(1);
    let with_namespace = kwargs.contains("namespace")?
        || second.is_ok_and(|second| second.is_instance_of::<PyString>())
        || (!args.is_empty() && kwargs.contains("name")?);
    let names = &NAMES[usize::from(!with_namespace)..];
    let mut all = args.iter().collect::<Vec<_>>();
    for (index, name) in names.iter().enumerate() {
        match (kwargs.get_item(name)?, index < args.len()) {
            (Some(_), true) => return wrong(format!("a Function is given `{name}` twice")),
            (Some(value), false) => all.push(value),
            (None, true) => {}
            (None, false) => return wrong(format!("a Function is made with `{name}`")),
        }
    }
    PyTuple::new(py, all)
}

/// How the output of a call is returned.
#[derive(Clone)]
pub(crate) enum Parse<'py> {
    /// As `bytes`.
    Bytes,
    /// As a buffer.
    Buffer,
    /// As the result of a function that gets the output.
    With(Bound<'py, PyAny>),
}

impl<'py> FromPyObject<'_, 'py> for Parse<'py> {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        if object.is_none() {
            return Ok(Self::Buffer);
        }
        if object.is(object.py().get_type::<PyBytes>()) {
            return Ok(Self::Bytes);
        }
        if object.is_callable() {
            return Ok(Self::With(object.to_owned()));
        }
        let found = type_name(&object);
        let message = format!("parse is a callable or None, found a value of type {found}");
        Err(error::argument(object.py(), message))
    }
}

/// Reads the argument `Plugin(plugin=…)`. Also returns the file if it is a module and not a manifest.
pub(crate) fn manifest_and_path(
    plugin: &Bound<'_, PyAny>,
    pipes: &Pipes,
) -> PyResult<(Manifest, Option<PathBuf>)> {
    let manifest = manifest(plugin, pipes)?;
    let path = match plugin.cast::<PyString>() {
        Ok(text) => Some(text.extract::<PathBuf>()?).filter(|path| path.is_file()),
        Err(_) => tree::path(plugin)?,
    };
    let is_module = match &*manifest.wasm {
        [wasm] => matches!(wasm.source, Source::Data(_)) && wasm.hash.is_none(),
        _ => false,
    };
    Ok((manifest, path.filter(|_| is_module)))
}

/// How a plug-in is read from a pipe or a device.
pub(crate) struct Pipes {
    most: u64,
    compiling: Compiling,
}

impl Pipes {
    /// As `limits=` and `compile_timeout=` say.
    pub(crate) fn of(limits: Option<&Limits>, timeout: Option<Timeout>) -> Self {
        Self {
            most: match limits {
                Some(given) => given.limits.module_bytes,
                None => Limits::default().limits.module_bytes,
            },
            compiling: signals::compiling(timeout.and_then(|timeout| timeout.0)),
        }
    }
}

impl Default for Pipes {
    fn default() -> Self {
        Self::of(None, None)
    }
}

/// Reads the argument `Plugin(plugin=…)`.
pub(crate) fn manifest(plugin: &Bound<'_, PyAny>, pipes: &Pipes) -> PyResult<Manifest> {
    parking::prepare();
    let py = plugin.py();
    if let Ok(text) = plugin.cast::<PyString>() {
        return match text.to_str() {
            Ok(text) => self::text(py, text, pipes),
            // It cannot be a module or a manifest, but names of files need not be UTF-8.
            Err(_) => file(py, text.extract()?, pipes),
        };
    }
    if plugin.cast::<PyMapping>().is_ok() || plugin.hasattr(intern!(py, "__manifest__"))? {
        return dictionary(plugin);
    }
    if let Some(path) = tree::path(plugin)? {
        return file(py, path, pipes);
    }
    if let Ok(bytes) = plugin.cast::<PyBytes>() {
        return Manifest::parse(bytes.as_bytes()).map_err(|failure| error::raise(py, failure));
    }
    match buffer(plugin)? {
        Some(bytes) => {
            Manifest::parse(bytes.as_bytes()).map_err(|failure| error::raise(py, failure))
        }
        None => {
            let found = type_name(plugin);
            let message = format!(
                "a plug-in is a path, text, bytes or a manifest, found a value of type \
                 {found}"
            );
            Err(error::argument(py, message))
        }
    }
}

fn text(py: Python<'_>, text: &str, pipes: &Pipes) -> PyResult<Manifest> {
    let path = PathBuf::from(text);
    if path.is_file() {
        return file(py, path, pipes);
    }
    // Such a text is no manifest: most likely it is a misspelt path.
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if !start.starts_with(['{', '(', ';', '\0']) && !text.contains(['\n', '=']) && !text.is_empty()
    {
        let shown: String = text.chars().take(200).collect();
        let mut message =
            format!("`{shown}` is not a file, nor the text of a module or a manifest");
        if text.starts_with("http://") || text.starts_with("https://") {
            message.push_str("; a module behind a URL is extism.Manifest([extism.Wasm.url(...)])");
        }
        return Err(wrong(py, message));
    }
    Manifest::parse(text.as_bytes()).map_err(|failure| error::raise(py, failure))
}

fn file(py: Python<'_>, path: PathBuf, pipes: &Pipes) -> PyResult<Manifest> {
    // Modules are counted when they are read; a manifest may contain several.
    let most = if path.is_file() { u64::MAX } else { pipes.most };
    let read = || match read_file(&path, most, &pipes.compiling) {
        Ok(bytes) => Manifest::parse(&bytes),
        Err(Unread::Failed(error)) => {
            let message = format!("manifest: cannot read `{}`: {error}", path.display());
            Err(Error::new(ErrorKind::Manifest, message).with_source(error))
        }
        Err(Unread::TooLarge) => {
            let path = path.display();
            let message =
                format!("`{path}` has more bytes than the limit `module_bytes` allows, {most}");
            Err(Error::new(ErrorKind::InvalidModule, message))
        }
        Err(Unread::Stopped(error)) => Err(error),
    };
    py.detach(read).map_err(|failure| error::raise(py, failure))
}

fn dictionary(manifest: &Bound<'_, PyAny>) -> PyResult<Manifest> {
    let value = tree::read(manifest)?;
    Manifest::from_value(value).map_err(|failure| error::raise(manifest.py(), failure))
}

/// A manifest as [`manifest`] understands it, with the bytes of modules as `bytes`.
pub(crate) fn manifest_dict<'py>(
    py: Python<'py>,
    manifest: &Manifest,
) -> PyResult<Bound<'py, PyAny>> {
    let mut rest = manifest.clone();
    // JSON cannot represent bytes.
    let mut others: Vec<(usize, &str, Bound<'_, PyAny>)> = Vec::new();
    for (index, wasm) in rest.wasm.iter_mut().enumerate() {
        match &mut wasm.source {
            Source::Data(bytes) => {
                let bytes = bytes::bytes(py, &mem::take(bytes))?;
                others.push((index, "data", bytes.into_any()));
            }
            Source::Path(path) if path.to_str().is_none() => {
                let text = mem::take(path).into_os_string().into_pyobject(py)?;
                others.push((index, "path", text.into_any()));
            }
            Source::Path(_) | Source::Url { .. } => {}
        }
    }
    let text = serde_json::to_string(&rest).map_err(|error| wrong(py, error.to_string()))?;
    let manifest = parking::import(py, "json")?.call_method1("loads", (text,))?;
    for (index, field, value) in others {
        let wasm = manifest.get_item("wasm")?.get_item(index)?;
        wasm.set_item(field, value)?;
    }
    Ok(manifest)
}

/// A value of the configuration. It must be text.
pub(crate) fn config_value(key: &str, value: &Bound<'_, PyAny>) -> PyResult<String> {
    let entry = Value::Table(vec![(key.to_owned(), tree::read(value)?)]);
    let config = Value::Table(vec![("config".to_owned(), entry)]);
    match Manifest::from_value(config) {
        Ok(mut manifest) => Ok(manifest.config.remove(key).unwrap_or_default()),
        Err(failure) => Err(error::raise(value.py(), failure)),
    }
}

/// The entries of `config=`, which are added to those of the manifest; `None` removes one.
pub(crate) fn config(config: &Bound<'_, PyAny>) -> PyResult<BTreeMap<String, Option<String>>> {
    let update = config_update(tree::read(config)?);
    update.map_err(|failure| error::raise(config.py(), failure))
}

/// The name of the type of a value, for messages.
pub(crate) fn type_name(object: &Bound<'_, PyAny>) -> String {
    let name = object.get_type().name();
    name.map_or_else(|_| "?".into(), |name| name.to_string())
}

fn wrong(py: Python<'_>, why: String) -> PyErr {
    error::raise(
        py,
        Error::new(ErrorKind::Manifest, format!("manifest: {why}")),
    )
}
