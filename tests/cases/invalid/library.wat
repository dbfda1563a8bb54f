;; The message names the module.
;;! load
;;! = error invalid-module "module `lib` is not a valid WebAssembly module: type mismatch: expected i32 but nothing on stack (at offset 0x18)"
;;! module lib
(module (func (result i32)))
;;! module main
(module)
