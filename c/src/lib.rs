//! The C library `extism`, which the SDKs of Extism load, on the engines of polyextism.
//!
//! `include/extism.h` is the interface and documents each function. `exports` has the functions, `border` turns
//! pointers into slices and texts, and `guard` catches panics. Everything behind is safe code: `create` creates
//! plug-ins, `call` runs them, `record` keeps the outcomes of calls for each thread, `current` serves running host
//! functions. Handles are numbers (`handles`), never addresses.
//!
//! Invariants: a handle that is null, freed, of another kind or invented counts as closed and is never dereferenced;
//! one thread at a time uses a plug-in, and a call from its own host function is refused (`turns`); memory that a
//! returned pointer points to stays valid for as long as the header says.
//!
//! It knows no engine and no manifest field. `unsafe` is in `exports`, `border` and `callback` only.

mod border;
mod call;
mod callback;
mod create;
mod current;
mod engines;
mod exports;
mod function;
mod guard;
mod handles;
mod kinds;
mod log;
mod mirror;
mod options;
mod outcome;
mod plugin;
mod record;
mod texts;
mod threads;
mod turns;

// Handles need 64 bits, and so do addresses that are passed as numbers.
const _: () = assert!(size_of::<usize>() == 8, "64-bit targets only");
