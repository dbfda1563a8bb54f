//! That of core, as a file of this package: packages that are published contain their build scripts.

#[path = "../core/build.rs"]
mod core;

fn main() {
    core::main();
}
