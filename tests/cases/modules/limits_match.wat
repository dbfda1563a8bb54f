;; Imports may ask for less than there is.
;;! call f
;;! module lib
(module
  (memory (export "memory") 2 4)
  (table (export "table") 3 5 externref)
  (global (export "global") (mut f64) (f64.const 0)))
;;! module main
(module
  (import "lib" "memory" (memory 1))
  (import "lib" "memory" (memory 2 9))
  (import "lib" "table" (table 0 externref))
  (import "lib" "table" (table 3 5 externref))
  (import "lib" "global" (global (mut f64)))
  (func (export "f")))
