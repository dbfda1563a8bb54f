;;! new
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! module lib
(module (memory 1) (data (i32.const -1) "a") (func (export "f")))
;;! module main
(module (import "lib" "f" (func $f)) (export "f" (func $f)))
