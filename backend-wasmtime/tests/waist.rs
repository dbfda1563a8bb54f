//! The cases that every backend passes, on wasmtime.

#[path = "../../tests/waist/cases.rs"]
mod cases;

use polyextism_wasmtime::BACKEND;

#[test]
fn cranelift() {
    cases::run(&BACKEND, "cranelift");
}

#[test]
fn winch() {
    cases::run(&BACKEND, "winch");
}
