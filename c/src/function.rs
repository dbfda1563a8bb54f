//! Host functions behind handles.
//!
//! A function is created, may get a namespace, and is moved into the first plug-in that is created with it. After
//! that its handle can only be freed. Invariant: a function with types that guests cannot have is refused when a
//! plug-in is created, because only that returns an error text.

use std::{
    ffi::c_int,
    sync::{Mutex, PoisonError},
};

use polyextism::{Function, NumType, Signature};

use crate::{
    border::{Bad, Slice, Text},
    callback::{Callback, num_type},
    handles::{Handle, Kind, Table},
    outcome::Failure,
};

static FUNCTIONS: Table<FunctionCell> = Table::new(Kind::Function);

/// The function of a handle, until it is moved into a plug-in.
struct FunctionCell(Mutex<Option<Made>>);

struct Made {
    name: Box<str>,
    namespace: Option<Box<str>>,
    callback: Callback,
    signature: Signature,
    /// The error text, if its types are wrong.
    wrong: Option<String>,
}

/// The types of parameters and results, as C passes them.
pub(crate) struct Types<'a> {
    pub(crate) params: Slice<'a, c_int>,
    pub(crate) results: Slice<'a, c_int>,
}

/// The most parameters, and the most results, of a WebAssembly function.
const MOST: usize = 1000;

/// Creates a function. `callback` creates the callback for its types. Returns the null handle if that fails.
pub(crate) fn new(
    name: Text<'_>,
    types: &Types<'_>,
    callback: impl FnOnce((Box<[NumType]>, Box<[NumType]>)) -> Option<Callback>,
) -> Handle {
    let (Ok(name), Ok(params), Ok(results)) = (name, &types.params, &types.results) else {
        return Handle::NULL;
    };
    if params.len().max(results.len()) > MOST {
        return Handle::NULL;
    }
    let wrong = wrong(name, "parameter", params).or_else(|| wrong(name, "result", results));
    let known = |tags: &[c_int]| -> Box<[NumType]> {
        tags.iter().filter_map(|tag| num_type(*tag)).collect()
    };
    let (params, results) = (known(params), known(results));
    let signature = Signature::new(&params, &results);
    let Some(callback) = callback((params, results)) else {
        return Handle::NULL;
    };
    let made = Made {
        name: name.into(),
        namespace: None,
        callback,
        signature,
        wrong,
    };
    match FUNCTIONS.insert(FunctionCell(Mutex::new(Some(made)))) {
        Ok(handle) => handle,
        Err(cell) => {
            // The caller keeps its user data.
            let made = cell.0.into_inner().unwrap_or_else(PoisonError::into_inner);
            made.into_iter().for_each(|made| made.callback.give_back());
            Handle::NULL
        }
    }
}

fn wrong(name: &str, what: &str, tags: &[c_int]) -> Option<String> {
    let position = tags.iter().position(|tag| num_type(*tag).is_none())?;
    let tag = match tags[position] {
        4 => "V128".to_owned(),
        5 => "FuncRef".to_owned(),
        6 => "ExternRef".to_owned(),
        tag => format!("number {tag}"),
    };
    Some(format!(
        "host function `{name}`: the type of {what} {} is {tag}; it has to be I32, I64, F32 or F64",
        position + 1
    ))
}

/// Restricts the function to imports from this namespace. Without effect once a plug-in has the function.
pub(crate) fn set_namespace(function: Handle, namespace: Text<'_>) {
    if let (Some(cell), Ok(namespace)) = (FUNCTIONS.get(function), namespace)
        && let Some(made) = &mut *cell.0.lock().unwrap_or_else(PoisonError::into_inner)
    {
        made.namespace = Some(namespace.into());
    }
}

/// Frees the handle. A plug-in that has the function keeps it.
pub(crate) fn free(function: Handle) {
    FUNCTIONS.remove(function);
}

/// Moves functions out of their handles, for a plug-in.
///
/// # Errors
/// `Argument`, if a handle is not that of a function, or if its function is in a plug-in already, or has types that
/// guests cannot have.
pub(crate) fn take(functions: Slice<'_, Handle>) -> Result<Vec<Function>, Failure> {
    let wrong = |bad: &Bad| Failure::Argument(bad.about("the list of functions"));
    let functions = functions.map_err(|bad| wrong(&bad))?;
    functions
        .iter()
        .map(|function| take_one(*function))
        .collect()
}

fn take_one(function: Handle) -> Result<Function, Failure> {
    let refuse = |text: &str| Err(Failure::Argument(text.to_owned()));
    if function.is_null() {
        return refuse("Cannot pass null pointer: a host function is NULL");
    }
    let Some(cell) = FUNCTIONS.get(function) else {
        return refuse("a host function was freed before, or is none");
    };
    let made = cell.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(made) = made else {
        return refuse(
            "Function cannot be registered with multiple different Plugins: make another one for each",
        );
    };
    if let Some(wrong) = made.wrong {
        return Err(Failure::Argument(wrong));
    }
    let callback = made.callback;
    let function = Function::new(made.name, made.signature, move |caller, slots| {
        callback.call(caller, slots)
    });
    Ok(match made.namespace {
        Some(namespace) => function.with_namespace(namespace),
        None => function,
    })
}
