//! The functions of `include/extism.h`, which documents them.
//!
//! Each converts its arguments with `border` and calls a safe function. Booleans are returned as 32 bits, because
//! bindings of other languages read 32; they are accepted as a byte, and every byte but zero is true. Invariant: each
//! body is one line behind the guard.

#![allow(
    unsafe_code,
    reason = "exports are unsafe to call: the header asks for what each SAFETY relies on"
)]
#![allow(
    clippy::missing_safety_doc,
    clippy::undocumented_unsafe_blocks,
    reason = "one condition for all: arguments are as the header says"
)]

use std::{
    ffi::{CStr, c_char, c_int, c_void},
    ptr,
};

use crate::{
    border::{Bad, RawLimits, RawOptions, Text, put, sized, slice, slice_mut, text, text_or_none},
    call::{self, CLOSED, Request},
    callback::{Body, Callback, FreeData, TakeLine, hand_line},
    create::{self, Created},
    current, engines,
    function::{self, Types},
    guard::guard,
    handles::Handle,
    kinds, log,
    options::{self, Wanted},
    outcome::Failure,
    plugin, record, texts,
};

/// Runs when the library is loaded, before any thread can fork.
#[cfg(target_os = "linux")]
#[used]
#[unsafe(link_section = ".init_array")]
static HEED_FORKS: extern "C" fn() = heed_forks;

#[cfg(target_os = "linux")]
extern "C" fn heed_forks() {
    guard((), polyextism::heed_forks);
}

/// Returns a handle, and writes the address of the error text if there is one.
unsafe fn hand_out((handle, text): Created, error: *mut *const c_char) -> Handle {
    match text {
        None => {}
        Some(text) if error.is_null() => {
            texts::free(text);
        }
        Some(text) => unsafe { put(error, text) },
    }
    handle
}

/// The setup that the options describe.
unsafe fn wanted(options: *const RawOptions) -> Result<Wanted, Failure> {
    Wanted::from_raw(unsafe { sized(options) }, |raw| unsafe {
        [
            options::owned("engine", text_or_none(raw.engine)),
            options::owned("cache_folder", text_or_none(raw.cache_folder)),
            options::owned("forbidden", text_or_none(raw.forbidden)),
        ]
    })
}

/// The error text of a host function.
fn reason_of(text: Text<'_>) -> String {
    match text {
        Ok("") | Err(Bad::Null) => "the host function failed without a reason".to_owned(),
        Ok(text) => text.to_owned(),
        Err(bad) => bad.about("the reason of the host function"),
    }
}

#[unsafe(no_mangle)]
extern "C" fn extism_version() -> *const c_char {
    guard(ptr::null(), || texts::version().as_ptr())
}

#[unsafe(no_mangle)]
unsafe extern "C" fn extism_plugin_new(
    wasm: *const u8,
    wasm_size: u64,
    functions: *const Handle,
    n_functions: u64,
    wasi: u8,
    error: *mut *const c_char,
) -> Handle {
    guard(Handle::NULL, || unsafe {
        hand_out(
            create::plugin(
                slice(wasm, wasm_size),
                function::take(slice(functions, n_functions)),
                Wanted::plain(wasi != 0, None),
            ),
            error,
        )
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn extism_plugin_new_with_fuel_limit(
    wasm: *const u8,
    wasm_size: u64,
    functions: *const Handle,
    n_functions: u64,
    wasi: u8,
    fuel: u64,
    error: *mut *const c_char,
) -> Handle {
    guard(Handle::NULL, || unsafe {
        hand_out(
            create::plugin(
                slice(wasm, wasm_size),
                function::take(slice(functions, n_functions)),
                Wanted::plain(wasi != 0, Some(fuel)),
            ),
            error,
        )
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn extism_compiled_plugin_new(
    wasm: *const u8,
    wasm_size: u64,
    functions: *const Handle,
    n_functions: u64,
    wasi: u8,
    error: *mut *const c_char,
) -> Handle {
    guard(Handle::NULL, || unsafe {
        hand_out(
            create::compiled(
                slice(wasm, wasm_size),
                function::take(slice(functions, n_functions)),
                Wanted::plain(wasi != 0, None),
            ),
            error,
        )
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn extism_compiled_plugin_new_with_fuel_limit(
    wasm: *const u8,
    wasm_size: u64,
    functions: *const Handle,
    n_functions: u64,
    wasi: u8,
    fuel: u64,
    error: *mut *const c_char,
) -> Handle {
    guard(Handle::NULL, || unsafe {
        hand_out(
            create::compiled(
                slice(wasm, wasm_size),
                function::take(slice(functions, n_functions)),
                Wanted::plain(wasi != 0, Some(fuel)),
            ),
            error,
        )
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn extism_plugin_new_from_compiled(
    compiled: Handle,
    error: *mut *const c_char,
) -> Handle {
    guard(Handle::NULL, || unsafe {
        hand_out(create::from_compiled(compiled), error)
    })
}

#[unsafe(no_mangle)]
extern "C" fn extism_compiled_plugin_free(compiled: Handle) {
    guard((), || create::free_compiled(compiled))
}

#[unsafe(no_mangle)]
extern "C" fn extism_plugin_free(plugin: Handle) {
    guard((), || plugin::free(plugin))
}

#[unsafe(no_mangle)]
extern "C" fn extism_function_free(function: Handle) {
    guard((), || function::free(function))
}

#[unsafe(no_mangle)]
extern "C" fn extism_plugin_new_error_free(error: *const c_char) {
    guard((), || {
        texts::free(error);
    })
}

#[unsafe(no_mangle)]
extern "C" fn extism_plugin_id(plugin: Handle) -> *const u8 {
    guard(ptr::null(), || plugin::id(plugin))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn extism_plugin_config(plugin: Handle, json: *const u8, json_size: u64) -> u32 {
    guard(0, || unsafe {
        plugin::configure(plugin, slice(json, json_size).ok()).into()
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn extism_plugin_function_exists(plugin: Handle, name: *const c_char) -> u32 {
    guard(0, || unsafe {
        plugin::function_exists(plugin, text(name).ok()).into()
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn extism_plugin_call(
    plugin: Handle,
    name: *const c_char,
    data: *const u8,
    data_size: u64,
) -> i32 {
    guard(CLOSED, || unsafe {
        call::call(
            plugin,
            Request {
                name: text(name),
                input: slice(data, data_size),
                context: ptr::null_mut(),
                limits: Ok(None),
            },
        )
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn extism_plugin_call_with_host_context(
    plugin: Handle,
    name: *const c_char,
    data: *const u8,
    data_size: u64,
    context: *mut c_void,
) -> i32 {
    guard(CLOSED, || unsafe {
        call::call(
            plugin,
            Request {
                name: text(name),
                input: slice(data, data_size),
                context,
                limits: Ok(None),
            },
        )
    })
}

#[unsafe(no_mangle)]
extern "C" fn extism_plugin_error(plugin: Handle) -> *const c_char {
    guard(ptr::null(), || record::error(plugin))
}

#[unsafe(no_mangle)]
extern "C" fn extism_error(plugin: Handle) -> *const c_char {
    guard(ptr::null(), || record::error(plugin))
}

#[unsafe(no_mangle)]
extern "C" fn extism_plugin_output_length(plugin: Handle) -> u64 {
    guard(0, || record::output(plugin).1)
}

#[unsafe(no_mangle)]
extern "C" fn extism_plugin_output_data(plugin: Handle) -> *const u8 {
    guard(ptr::null(), || record::output(plugin).0)
}

#[unsafe(no_mangle)]
extern "C" fn extism_plugin_reset(plugin: Handle) -> u32 {
    guard(0, || plugin::reset(plugin).into())
}

#[unsafe(no_mangle)]
extern "C" fn extism_plugin_allow_http_response_headers(plugin: Handle) {
    guard((), || plugin::allow_http_response_headers(plugin))
}

#[unsafe(no_mangle)]
extern "C" fn extism_plugin_cancel_handle(plugin: Handle) -> Handle {
    guard(Handle::NULL, || plugin::cancel_handle(plugin))
}

#[unsafe(no_mangle)]
extern "C" fn extism_plugin_cancel(handle: Handle) -> u32 {
    guard(0, || plugin::cancel(handle).into())
}

#[unsafe(no_mangle)]
extern "C" fn extism_current_plugin_memory(current: Handle) -> *mut u8 {
    guard(ptr::null_mut(), || current::address(current))
}

#[unsafe(no_mangle)]
extern "C" fn extism_current_plugin_memory_alloc(current: Handle, size: u64) -> u64 {
    guard(0, || current::alloc(current, size))
}

#[unsafe(no_mangle)]
extern "C" fn extism_current_plugin_memory_length(current: Handle, block: u64) -> u64 {
    guard(0, || current::length(current, block))
}

#[unsafe(no_mangle)]
extern "C" fn extism_current_plugin_memory_free(current: Handle, block: u64) {
    guard((), || current::free(current, block))
}

#[unsafe(no_mangle)]
extern "C" fn extism_current_plugin_host_context(current: Handle) -> *mut c_void {
    guard(ptr::null_mut(), || current::context(current))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn extism_function_new(
    name: *const c_char,
    inputs: *const c_int,
    n_inputs: u64,
    outputs: *const c_int,
    n_outputs: u64,
    body: Option<Body>,
    data: *mut c_void,
    free_data: Option<FreeData>,
) -> Handle {
    guard(Handle::NULL, || unsafe {
        function::new(
            text(name),
            &Types {
                params: slice(inputs, n_inputs),
                results: slice(outputs, n_outputs),
            },
            |types| Some(Callback::new(body?, data, free_data, types)),
        )
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn extism_function_set_namespace(function: Handle, namespace: *const c_char) {
    guard((), || unsafe {
        function::set_namespace(function, text(namespace))
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn extism_log_file(path: *const c_char, level: *const c_char) -> u32 {
    guard(0, || unsafe {
        log::to_file(text_or_none(path), text_or_none(level)).into()
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn extism_log_custom(level: *const c_char) -> u32 {
    guard(0, || unsafe { log::to_memory(text_or_none(level)).into() })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn extism_log_drain(take: Option<TakeLine>) {
    guard((), || unsafe {
        if let Some(take) = take {
            log::drain(|line| hand_line(take, line))
        }
    })
}

// Functions that the official library does not have.

#[unsafe(no_mangle)]
extern "C" fn extism_poly_engine_count() -> u64 {
    guard(0, engines::count)
}

#[unsafe(no_mangle)]
extern "C" fn extism_poly_engine_name(index: u64) -> *const c_char {
    guard(ptr::null(), || engines::name(index))
}

#[unsafe(no_mangle)]
extern "C" fn extism_poly_engine_version(index: u64) -> *const c_char {
    guard(ptr::null(), || engines::version(index))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn extism_poly_plugin_new(
    wasm: *const u8,
    wasm_size: u64,
    functions: *const Handle,
    n_functions: u64,
    options: *const RawOptions,
    error: *mut *const c_char,
) -> Handle {
    guard(Handle::NULL, || unsafe {
        hand_out(
            create::plugin(
                slice(wasm, wasm_size),
                function::take(slice(functions, n_functions)),
                wanted(options),
            ),
            error,
        )
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn extism_poly_compiled_plugin_new(
    wasm: *const u8,
    wasm_size: u64,
    functions: *const Handle,
    n_functions: u64,
    options: *const RawOptions,
    error: *mut *const c_char,
) -> Handle {
    guard(Handle::NULL, || unsafe {
        hand_out(
            create::compiled(
                slice(wasm, wasm_size),
                function::take(slice(functions, n_functions)),
                wanted(options),
            ),
            error,
        )
    })
}

#[unsafe(no_mangle)]
extern "C" fn extism_poly_new_error_kind() -> c_int {
    guard(kinds::NONE, create::last_kind)
}

#[unsafe(no_mangle)]
extern "C" fn extism_poly_plugin_engine(plugin: Handle) -> *const c_char {
    guard(ptr::null(), || plugin::engine(plugin))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn extism_poly_plugin_call_with_limits(
    plugin: Handle,
    name: *const c_char,
    data: *const u8,
    data_size: u64,
    context: *mut c_void,
    limits: *const RawLimits,
) -> i32 {
    guard(CLOSED, || unsafe {
        call::call(
            plugin,
            Request {
                name: text(name),
                input: slice(data, data_size),
                context,
                limits: options::limits(sized(limits)),
            },
        )
    })
}

#[unsafe(no_mangle)]
extern "C" fn extism_poly_plugin_error_kind(plugin: Handle) -> c_int {
    guard(kinds::NONE, || record::kind(plugin))
}

#[unsafe(no_mangle)]
extern "C" fn extism_poly_error_kind_name(kind: c_int) -> *const c_char {
    guard(ptr::null(), || {
        kinds::name(kind).map_or(ptr::null(), CStr::as_ptr)
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn extism_poly_plugin_fuel_used(plugin: Handle, units: *mut u64) -> u32 {
    guard(0, || unsafe {
        record::fuel(plugin)
            .map(|used| put(units, used))
            .is_some()
            .into()
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn extism_poly_current_plugin_fail(
    current: Handle,
    reason: *const c_char,
) -> u32 {
    guard(0, || unsafe {
        current::fail(current, reason_of(text(reason))).into()
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn extism_poly_current_plugin_read(
    current: Handle,
    block: u64,
    offset: u64,
    bytes: *mut u8,
    size: u64,
) -> u32 {
    guard(0, || unsafe {
        slice_mut(bytes, size)
            .is_ok_and(|bytes| current::read(current, block, offset, bytes))
            .into()
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn extism_poly_current_plugin_write(
    current: Handle,
    block: u64,
    offset: u64,
    bytes: *const u8,
    size: u64,
) -> u32 {
    guard(0, || unsafe {
        slice(bytes, size)
            .is_ok_and(|bytes| current::write(current, block, offset, bytes))
            .into()
    })
}
