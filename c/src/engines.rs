//! The engines that are built in, as texts that are never freed.

use std::{
    ffi::{CStr, CString, c_char},
    ptr,
    sync::LazyLock,
};

static ENGINES: LazyLock<Vec<(CString, CString)>> = LazyLock::new(|| {
    let text = |text: &str| CString::new(text).unwrap_or_default();
    let engines = polyextism::engines();
    let engines = engines.map(|choice| (text(&choice.name()), text(choice.backend().version)));
    engines.collect()
});

/// The number of engines.
pub(crate) fn count() -> u64 {
    ENGINES.len() as u64
}

/// The name of an engine; null beyond the last.
pub(crate) fn name(index: u64) -> *const c_char {
    find(index, |(name, _)| name.as_c_str())
}

/// The version of an engine; null beyond the last.
pub(crate) fn version(index: u64) -> *const c_char {
    find(index, |(_, version)| version.as_c_str())
}

fn find(index: u64, which: fn(&(CString, CString)) -> &CStr) -> *const c_char {
    let engine = usize::try_from(index)
        .ok()
        .and_then(|index| ENGINES.get(index));
    engine.map_or(ptr::null(), |engine| which(engine).as_ptr())
}
