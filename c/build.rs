//! Names the shared library for the linker, and hides what engines mark for export in it.
//!
//! The library of `make c` is linked with `extism.map` instead: optimised over all crates, nothing tells whose a
//! function was.

fn main() {
    let target = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if target == "linux" {
        for argument in ["-soname,libextism.so.1", "--exclude-libs,ALL"] {
            println!("cargo:rustc-cdylib-link-arg=-Wl,{argument}");
        }
    }
    println!("cargo:rerun-if-changed=build.rs");
}
