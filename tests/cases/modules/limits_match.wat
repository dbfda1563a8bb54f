;; Imports may ask for less than there is.
;;! call f
;;! = ok ""
;;! module lib
(module
  (memory (export "memory") 2 4)
  (table (export "table") 3 5 funcref)
  (global (export "global") (mut f64) (f64.const 0)))
;;! module main
(module
  (import "lib" "memory" (memory 1))
  (import "lib" "memory" (memory 2 9))
  (import "lib" "table" (table 0 funcref))
  (import "lib" "table" (table 3 5 funcref))
  (import "lib" "global" (global (mut f64)))
  (func (export "f")))
