//! Guests whose functions work on ranges: they take three numbers and return one or a trap.
//!
//! It knows no instruction and no engine.

use polyextism::{Choice, ErrorKind, Interrupted, Manifest, Options, Plugin};

/// A plug-in that keeps its instance when a call is interrupted.
///
/// # Panics
/// If it cannot be made.
pub fn plugin(choice: &Choice, guest: &str) -> Plugin {
    let options = Options::default().with_interrupted(Interrupted::Kept);
    let compiled = choice.compile(&Manifest::of(guest.as_bytes()), &options);
    Plugin::new(&compiled.expect("it compiles")).expect("it starts")
}

/// What a function returns.
///
/// # Errors
/// The kind of any failure but a return code.
pub fn call(plugin: &mut Plugin, function: &str, args: [u32; 3]) -> Result<u32, ErrorKind> {
    let input = args.map(|arg| u64::from(arg).to_le_bytes()).concat();
    match plugin.call(function, &input).map(drop) {
        Ok(()) => Ok(0),
        Err(error) => match error.kind() {
            ErrorKind::ReturnCode(code) => Ok(code as u32),
            kind => Err(kind),
        },
    }
}
