;; An export `memory` that is no memory is nothing special.
;;! function sum
;;! call f
;;! = ok "0 "
(module
  (import "env" "sum" (func $sum (param i32 i32) (result i64)))
  ;;% include print
  (global (export "memory") i32 (i32.const 0))
  (memory 1)
  (data (i32.const 0) "\01\02")
  (func (export "f") (call $answer (call $sum (i32.const 0) (i32.const 9)))))
