//! The cases that every backend passes, on wasmer.

#[path = "../../tests/waist/cases.rs"]
mod cases;

use polyextism_wasmer::BACKEND;

#[test]
fn cranelift() {
    cases::run(&BACKEND, "cranelift");
}

#[cfg(feature = "wasmer-singlepass")]
#[test]
fn singlepass() {
    cases::run(&BACKEND, "singlepass");
}
