;;! load
;;! = error link "module `main` imports `lib`::`g` (func (result i32)): that module has no such export"
;;! module lib
(module (func (export "f")))
;;! module main
(module (import "lib" "g" (func (result i32))))
