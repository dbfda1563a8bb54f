//! What the benchmarks share: the guests, and a plug-in of each on an engine.
//!
//! Every guest is checked once before it is measured, so no benchmark runs on a wrong result.

use polyextism::{Choice, Compiled, Function, Manifest, Options, Plugin, Result};

/// A guest of entries that do next to nothing beside what they are named for.
pub const GUEST: &str = include_str!("guest.wat");

/// The guest compiled for an engine.
///
/// # Errors
/// If the engine refuses it.
pub fn compile(engine: &Choice) -> Result<Compiled> {
    let options = Options {
        functions: vec![Function::typed("increment", |_, (n,): (i64,)| {
            Ok(n.wrapping_add(1))
        })],
        ..Options::default()
    };
    engine.compile(&Manifest::of(GUEST.as_bytes()), &options)
}

/// A live plug-in of the guest whose entries were checked.
///
/// # Errors
/// If an entry fails.
///
/// # Panics
/// If an entry has a wrong result.
pub fn plugin(engine: &Choice) -> Result<Plugin> {
    let mut plugin = Plugin::new(&compile(engine)?)?;
    assert_eq!(plugin.call("noop", b"")?, b"");
    for length in [0, 1, 64, 4096 + 3] {
        let input: Vec<u8> = (0..length).map(|n| n as u8).collect();
        assert_eq!(plugin.call("echo", &input)?, input);
    }
    assert_eq!(plugin.call("host", b"")?, 1000_u64.to_le_bytes());
    Ok(plugin)
}
