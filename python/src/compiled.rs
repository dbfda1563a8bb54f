//! `CompiledPlugin`: a plug-in that is compiled once, of which any number of instances is made.
//!
//! Manifests and linking are core's; live plug-ins are `plugin`'s. Invariant: it is immutable, so
//! any thread may use it at any time; its instances do not need it once they are made.

use polyextism::{Compiled, Manifest, Options, engine::select::Choice};
use pyo3::{PyTraverseError, PyVisit, prelude::*};

use crate::{convert, engines, error, functions::Functions, wasi::Setting};

/// A plug-in that is compiled and linked, ready to be instantiated.
///
/// `Plugin(compiled)` makes an instance, as often as needed and on any thread, without compiling
/// anything again. Instances share no state; they stay when the compiled plug-in goes.
///
/// Args:
///     plugin: What `Plugin` takes: a path, text, bytes, or a manifest as a `dict`.
///     wasi: Whether the modules may import WASI preview 1, or an `extism.Wasi`, which also says what
///         it is given.
///     functions: Host functions; all that `extism.host_fn` has registered so far, if not given.
///         Only those that a module imports are bound.
///     engine: The engine, as `Plugin` takes it.
///
/// Raises:
///     extism.ArgumentError: If WASI cannot be given what `wasi` says.
///     extism.ManifestError: If the manifest is wrong.
///     extism.InvalidModuleError: If a module is not WebAssembly that can be run.
///     extism.LinkError: If an import cannot be resolved.
///     extism.UnknownEngineError: If the engine is not built in.
///     extism.UnsupportedError: If the engine cannot do what was asked.
#[pyclass(module = "extism", frozen, subclass, weakref)]
pub(crate) struct CompiledPlugin {
    compiled: Compiled,
    choice: Choice,
    functions: Functions,
}

impl CompiledPlugin {
    pub(crate) fn compile(
        py: Python<'_>,
        manifest: &Manifest,
        wasi: Setting,
        functions: Functions,
        choice: Choice,
    ) -> PyResult<Self> {
        let options = Options {
            functions: functions.core(),
            wasi: wasi.0,
        };
        let compiled = py.detach(|| Compiled::new(&choice, manifest, &options));
        let compiled = compiled.map_err(|failure| error::raise(py, failure))?;
        Ok(Self {
            compiled,
            choice,
            functions,
        })
    }

    /// A new instance, and what keeps its host functions alive.
    pub(crate) fn instance(&self, py: Python<'_>) -> PyResult<(polyextism::Plugin, Functions)> {
        let plugin = py.detach(|| polyextism::Plugin::new(&self.compiled));
        let plugin = plugin.map_err(|failure| error::raise(py, failure))?;
        Ok((plugin, self.functions.share(py)))
    }

    /// Refuses another engine than the one it is compiled for.
    pub(crate) fn accept(&self, py: Python<'_>, engine: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        if engine.is_some() {
            let (own, other) = (self.choice.name(), engines::choose(py, engine)?.name());
            if own != other {
                let message = format!(
                    "engine= is `{other}`, but the CompiledPlugin is compiled for `{own}`; leave \
                     it out"
                );
                return Err(error::argument(py, message));
            }
        }
        Ok(())
    }
}

#[pymethods]
impl CompiledPlugin {
    #[new]
    #[pyo3(
        signature = (plugin, wasi = Setting::OFF, functions = None, *, engine = None),
        text_signature = "(plugin, wasi=False, functions=None, *, engine=None)"
    )]
    fn new(
        plugin: &Bound<'_, PyAny>,
        wasi: Setting,
        functions: Option<&Bound<'_, PyAny>>,
        engine: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let py = plugin.py();
        let choice = engines::choose(py, engine)?;
        let manifest = convert::manifest(plugin)?;
        let functions = Functions::given(py, functions)?;
        Self::compile(py, &manifest, wasi, functions, choice)
    }

    /// The name of the engine it is compiled for, as `engine=` understands it.
    #[getter]
    fn engine(&self) -> &'static str {
        self.compiled.engine()
    }

    fn __repr__(&self) -> String {
        format!("<extism.CompiledPlugin for {}>", self.choice.name())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.functions.traverse(&visit)
    }

    fn __clear__(&self) {
        self.functions.clear();
    }
}
