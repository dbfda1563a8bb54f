//! The contents of a plug-in (exports, imports, memories) as values of `extism._contents`.
//!
//! Core reads modules and resolves imports. Invariant: only the current size of the memories of a live plug-in waits
//! for a running call.

use std::sync::Arc;

use polyextism::{
    Compiled, Manifest, Options,
    contents::{self, Contents, Provider},
};
use pyo3::{
    prelude::*,
    types::{PyDict, PyTuple},
};

use crate::{convert, engines, error, functions::Functions, parking, wasi::Setting};

/// The bytes of a page of memory.
const PAGE: u64 = 1 << 16;

/// The arguments that a plug-in was made with. A closed plug-in keeps them, so they do not include the code.
#[derive(Clone)]
pub(crate) struct Origin {
    contents: Arc<Contents>,
    /// The most pages that all memories may have together.
    memory_pages: Option<u64>,
    manifest: Arc<Manifest>,
}

impl Origin {
    /// The origin of `compiled`.
    pub(crate) fn new(compiled: &Compiled, manifest: Manifest) -> Self {
        Self {
            contents: Arc::clone(compiled.contents()),
            memory_pages: compiled.memory_pages(),
            manifest: Arc::new(manifest),
        }
    }

    /// The exports of the main module.
    pub(crate) fn exports<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let contents = &self.contents;
        exports(py, contents, contents.main)
    }

    /// The imports of all modules.
    pub(crate) fn imports<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let contents = &self.contents;
        let mut all = Vec::new();
        for module in 0..contents.modules.len() {
            all.extend(imports(py, contents, module)?);
        }
        PyTuple::new(py, all)
    }

    /// The manifest, in a form that `Plugin` accepts.
    pub(crate) fn manifest<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        convert::manifest_dict(py, &self.manifest)
    }

    /// The initial and the largest memory, and the memory `used` now.
    pub(crate) fn memory<'py>(
        &self,
        py: Python<'py>,
        used: Option<u64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let modules = self.contents.modules.iter();
        let memories = modules.flat_map(|module| &module.memories);
        let initial: u64 = memories
            .map(|memory| memory.minimum.saturating_mul(PAGE))
            .sum();
        let limit = self.memory_pages;
        let limit = limit.map(|pages| pages.saturating_mul(PAGE));
        class(py, "MemoryInfo")?.call1((initial, limit, used))
    }

    /// The features that the modules use.
    pub(crate) fn features<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let manifest = &*self.manifest;
        let contents = py.detach(|| contents::inspect(manifest, &Options::default()));
        let contents = contents.map_err(|failure| error::raise(py, failure))?;
        PyTuple::new(py, contents.features())
    }
}

/// Reads the contents of a plug-in, without compiling or running it. Imports may be missing.
///
/// Args:
///     plugin: A path, text, bytes or a manifest, as for `Plugin`.
///     wasi: As for `Plugin`.
///     functions: As for `Plugin`.
///
/// Returns:
///     An `extism.Inspection`.
///
/// Raises:
///     extism.ManifestError: If the manifest is wrong, or a module cannot be read.
///     extism.InvalidModuleError: If a module is not WebAssembly.
///     extism.LinkError: If modules import each other.
#[pyfunction]
#[pyo3(
    signature = (plugin, *, wasi = Setting::OFF, functions = None),
    text_signature = "(plugin, *, wasi=False, functions=None)"
)]
pub(crate) fn inspect<'py>(
    plugin: &Bound<'py, PyAny>,
    wasi: Setting,
    functions: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = plugin.py();
    let manifest = convert::manifest(plugin, &convert::Pipes::default())?;
    let functions = Functions::given(py, functions)?;
    let options = Options::default()
        .with_functions(functions.core())
        .with_wasi(wasi.0);
    let contents = py.detach(|| contents::inspect(&manifest, &options));
    let contents = contents.map_err(|failure| error::raise(py, failure))?;
    let mut modules = Vec::new();
    for (position, module) in contents.modules.iter().enumerate() {
        let memories = module.memories.iter();
        let memories = memories.map(|memory| (memory.minimum, memory.maximum));
        let details = module.details.as_ref();
        let sections = details.map(|details| details.sections.clone());
        modules.push(
            class(py, "ModuleInfo")?.call1((
                &*module.name,
                details.map(|details| details.bytes),
                PyTuple::new(py, sections.unwrap_or_default())?,
                PyTuple::new(
                    py,
                    details
                        .map(|details| &*details.features)
                        .unwrap_or_default(),
                )?,
                imports_tuple(py, &contents, position)?,
                exports(py, &contents, position)?,
                PyTuple::new(py, memories)?,
            ))?,
        );
    }
    let lacking = PyDict::new(py);
    for choice in polyextism::engines() {
        let lacks = contents.lacking(choice.compiler().capabilities.proposals);
        lacking.set_item(engines::Engine(choice), PyTuple::new(py, lacks)?)?;
    }
    let main = &*contents.modules[contents.main].name;
    class(py, "Inspection")?.call1((PyTuple::new(py, modules)?, main, lacking))
}

fn exports<'py>(
    py: Python<'py>,
    contents: &Contents,
    module: usize,
) -> PyResult<Bound<'py, PyTuple>> {
    let class = class(py, "Export")?;
    let module = &contents.modules[module];
    let export = |export: &contents::Export| {
        let (name, kind, ty) = (export.name(), export.kind(), export.ty().to_string());
        class.call1((name, kind, ty, export.is_callable(), &*module.name))
    };
    let exports = module.exports.iter().map(export);
    PyTuple::new(py, exports.collect::<PyResult<Vec<_>>>()?)
}

fn imports_tuple<'py>(
    py: Python<'py>,
    contents: &Contents,
    module: usize,
) -> PyResult<Bound<'py, PyTuple>> {
    PyTuple::new(py, imports(py, contents, module)?)
}

fn imports<'py>(
    py: Python<'py>,
    contents: &Contents,
    module: usize,
) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let class = class(py, "Import")?;
    let importer = &contents.modules[module];
    let import = |import: &contents::Import| {
        let (provider, reason) = match &import.provider {
            Provider::Module(_) => (Some("module"), None),
            Provider::Host => (Some("host"), None),
            Provider::Wasi => (Some("wasi"), None),
            Provider::Function(_) => (Some("function"), None),
            Provider::Nothing(why) => (None, Some(error::unanswered(why))),
        };
        let (module, name, kind) = (import.module(), import.name(), import.kind());
        let ty = import.ty().to_string();
        class.call1((module, name, kind, ty, &*importer.name, provider, reason))
    };
    importer.imports.iter().map(import).collect()
}

fn class<'py>(py: Python<'py>, name: &str) -> PyResult<Bound<'py, PyAny>> {
    parking::import(py, "extism._contents")?.getattr(name)
}
