//! Live and compiled plug-ins behind handles, and their operations other than calls.
//!
//! Invariants: a plug-in lives until its last operation has ended, also if another thread frees it meanwhile; every
//! access to the live plug-in has a turn.

use std::{
    ffi::{CStr, CString},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use polyextism::{
    CancelHandle, Compiled, Plugin,
    manifest::{Value, config_update},
};

use crate::{
    handles::{Handle, Kind, Table},
    outcome::Outcome,
    record,
    turns::Turns,
};

pub(crate) static PLUGINS: Table<PluginCell> = Table::new(Kind::Plugin);
pub(crate) static COMPILED: Table<Compiled> = Table::new(Kind::Compiled);
pub(crate) static CANCELS: Table<CancelHandle> = Table::new(Kind::Cancel);

/// A plug-in.
pub(crate) struct PluginCell {
    id: [u8; 16],
    engine: CString,
    compiled: Compiled,
    cancel: Handle,
    /// The number of calls that have begun.
    calls: AtomicU64,
    pub(crate) steady: bool,
    pub(crate) turns: Turns<Live>,
}

/// The state that a turn gives access to.
pub(crate) struct Live {
    pub(crate) plugin: Plugin,
    /// The outcome of its last call.
    pub(crate) last: Outcome,
    pub(crate) counts_fuel: bool,
}

impl Live {
    /// The fuel of the last call, if it is counted.
    #[inline]
    pub(crate) fn fuel_used(&mut self) -> Option<u64> {
        match self.counts_fuel {
            true => self.plugin.fuel_consumed(),
            false => None,
        }
    }
}

impl PluginCell {
    /// The number of calls that have begun. It is exact for the owner of the turn.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }

    /// Counts a call. Only the owner of the turn calls this.
    #[inline]
    pub(crate) fn count_call(&self) {
        self.calls.store(self.calls.load(Relaxed) + 1, Relaxed);
    }
}

/// Adds a plug-in. Returns the null handle if there are too many.
pub(crate) fn keep(plugin: Plugin, compiled: &Compiled) -> Handle {
    let Ok(cancel) = CANCELS.insert(plugin.cancel_handle()) else {
        return Handle::NULL;
    };
    let cell = PluginCell {
        id: *plugin.id().as_bytes(),
        engine: CString::new(plugin.engine()).unwrap_or_default(),
        compiled: compiled.clone(),
        cancel,
        calls: AtomicU64::new(0),
        steady: plugin.has_steady_memory(),
        turns: Turns::new(Live {
            plugin,
            last: Outcome::SUCCESS,
            counts_fuel: compiled.counts_fuel(),
        }),
    };
    PLUGINS.insert(cell).unwrap_or_else(|_| {
        CANCELS.remove(cancel);
        Handle::NULL
    })
}

/// Frees a plug-in: at once, or when its running call ends.
pub(crate) fn free(plugin: Handle) {
    let cancel = PLUGINS.get(plugin).map(|cell| cell.cancel);
    if PLUGINS.remove(plugin) {
        cancel.map(|cancel| CANCELS.remove(cancel));
    }
    record::forget(plugin);
}

/// The address of the 16 bytes of the id.
pub(crate) fn id(plugin: Handle) -> *const u8 {
    PLUGINS
        .get(plugin)
        .map_or(std::ptr::null(), |cell| cell.id.as_ptr())
}

/// The name of the engine.
pub(crate) fn engine(plugin: Handle) -> *const std::ffi::c_char {
    let cell = PLUGINS.get(plugin);
    cell.map_or(std::ptr::null(), |cell| CStr::as_ptr(&cell.engine))
}

/// The cancel handle of the plug-in.
pub(crate) fn cancel_handle(plugin: Handle) -> Handle {
    PLUGINS.get(plugin).map_or(Handle::NULL, |cell| cell.cancel)
}

/// Cancels the running call, if there is one. Returns whether the plug-in exists.
pub(crate) fn cancel(handle: Handle) -> bool {
    let cancel = CANCELS
        .get(handle)
        .map(|cancel| CancelHandle::clone(&cancel));
    cancel.map(|cancel| cancel.cancel()).is_some()
}

/// Whether there is a function that can be called.
pub(crate) fn function_exists(plugin: Handle, name: Option<&str>) -> bool {
    let Some(cell) = PLUGINS.get(plugin) else {
        return false;
    };
    record::forget_error(plugin);
    name.is_some_and(|name| cell.compiled.function_exists(name))
}

/// Changes the configuration. Returns whether that succeeded.
pub(crate) fn configure(plugin: Handle, json: Option<&[u8]>) -> bool {
    let Some(cell) = PLUGINS.get(plugin) else {
        return false;
    };
    record::forget_error(plugin);
    let update = json.and_then(|json| serde_json::from_slice::<Value>(json).ok());
    let update = update.and_then(|update| config_update(update).ok());
    match (update, cell.turns.take()) {
        (Some(update), Ok(mut turn)) => {
            turn.plugin.host().update_config(update);
            true
        }
        _ => false,
    }
}

/// Frees and clears the kernel memory. Returns whether that succeeded.
pub(crate) fn reset(plugin: Handle) -> bool {
    let Some(cell) = PLUGINS.get(plugin) else {
        return false;
    };
    cell.turns
        .take()
        .map(|mut turn| turn.plugin.reset())
        .is_ok()
}

/// Lets guests read the headers of HTTP responses from now on.
pub(crate) fn allow_http_response_headers(plugin: Handle) {
    if let Some(cell) = PLUGINS.get(plugin)
        && let Ok(mut turn) = cell.turns.take()
    {
        turn.plugin.host().show_http_response_headers();
    }
}
