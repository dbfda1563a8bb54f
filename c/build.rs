//! Names the shared library for the linker.
//!
//! rustc itself has the library export nothing but the functions that the crates mark so; `extism.map` takes out
//! what engines mark for themselves.

fn main() {
    println!("cargo:rerun-if-changed=extism.map");
    let target = |name: &str| std::env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    if target("OS") == "linux" {
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libextism.so.1");
    }
}
