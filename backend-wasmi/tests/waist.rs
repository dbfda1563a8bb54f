//! The cases that every backend passes, on wasmi.

#[path = "../../tests/waist/cases.rs"]
mod cases;

use polyextism_wasmi::BACKEND;

#[test]
fn interpreter() {
    cases::run(&BACKEND, "interpreter");
}
