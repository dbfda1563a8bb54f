;; Only functions of a command can be imported.
;;! load
;;! = error link "module `main` imports `lib`::`memory` (memory 1): that module is a command (it exports `_start`), which has fresh state for each call, so only functions can be imported from it; module `main` imports `lib`::`table` (table 1 funcref): that module is a command (it exports `_start`), which has fresh state for each call, so only functions can be imported from it; module `main` imports `lib`::`global` (global i32): that module is a command (it exports `_start`), which has fresh state for each call, so only functions can be imported from it"
;;! module lib
(module
  (memory (export "memory") 1)
  (table (export "table") 1 funcref)
  (global (export "global") i32 (i32.const 0))
  (func (export "_start"))
  (func (export "f")))
;;! module main
(module
  (import "lib" "memory" (memory 1))
  (import "lib" "table" (table 1 funcref))
  (import "lib" "global" (global i32))
  (import "lib" "f" (func)))
