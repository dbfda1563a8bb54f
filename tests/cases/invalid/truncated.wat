;;! cut 30
;;! load
;;! = error invalid-module "module `main` is not a valid WebAssembly module: unexpected end-of-file (at offset 0x1e)"
(module (func (export "f") (result i32) (i32.const 1)))
