//! Reads positional and named arguments, for calls whose common forms are read by faster code.
//!
//! It does not know what the arguments mean. Its errors are those of Python's own functions.

use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    types::{PyDict, PyString, PyTuple},
};

/// The arguments in the order of `names`. The first `positional` of them can be given by position.
///
/// # Errors
/// `TypeError` if there are too many, if a name is unknown or if one is given twice.
#[inline(never)]
pub(crate) fn arguments<'py, const COUNT: usize>(
    call: &str,
    names: &[&str; COUNT],
    positional: usize,
    args: &Bound<'py, PyTuple>,
    kwargs: Option<&Bound<'py, PyDict>>,
) -> PyResult<[Option<Bound<'py, PyAny>>; COUNT]> {
    if args.len() > positional {
        let found = args.len();
        let message = format!(
            "{call} takes from 0 to {positional} positional arguments but {found} were given"
        );
        return Err(PyTypeError::new_err(message));
    }
    let mut given = [const { None }; COUNT];
    for (place, value) in given.iter_mut().zip(args) {
        *place = Some(value);
    }
    for (name, value) in kwargs.into_iter().flatten() {
        let name = name.cast::<PyString>()?.to_str()?;
        let Some(at) = names.iter().position(|known| *known == name) else {
            let message = format!("{call} got an unexpected keyword argument '{name}'");
            return Err(PyTypeError::new_err(message));
        };
        if given[at].replace(value).is_some() {
            let message = format!("{call} got multiple values for argument '{name}'");
            return Err(PyTypeError::new_err(message));
        }
    }
    Ok(given)
}
