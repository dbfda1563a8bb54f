//! `kernel` of `tests/src/fuzz` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| polyextism_tests::fuzz::kernel::run(data));
