;;! load
;;! = error invalid-module "module `main` is not a valid WebAssembly module: type mismatch: expected i32, found i64 (at offset 0x21)"
(module (func (export "f") (result i32) (i64.const 1)))
