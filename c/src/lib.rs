//! The C library `extism`: what the SDKs of Extism load, on the engines of polyextism.
//!
//! `include/extism.h` is the interface and says what each function does. A call travels so: `exports` takes it,
//! `border` makes slices and texts of its pointers, `guard` keeps panics in, and everything behind is safe code:
//! `create` makes plug-ins, `call` runs them, `record` keeps for each thread what its calls ended with, `current`
//! serves host functions while they run. Handles are numbers (`handles`), never addresses.
//!
//! Invariants: a handle that is null, freed, of another kind or made up reads as closed and is never followed; a
//! plug-in is used by one thread at a time, and a call from its own host function is refused (`turns`); what a
//! pointer that was handed out points at stays until the header says it may go.
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

/// Handles and what crosses the border as numbers need 64 bits.
const _: () = assert!(size_of::<usize>() == 8, "64-bit targets only");
