;; Functions of one module can be called through a table of another, also by a trap and back.
;;! call good
;;! = ok "5 "
;;! call bad
;;! = error trap(unreachable) "the guest trapped: unreachable executed"
;;! call good
;;! = ok "5 "
;;! module lib
(module
  (type $t (func (result i64)))
  (table (export "table") 4 funcref)
  (func (export "call") (param i32) (result i64) (call_indirect (type $t) (local.get 0))))
;;! module main
(module
  (import "lib" "table" (table 4 funcref))
  (import "lib" "call" (func $call (param i32) (result i64)))
  ;;% include print
  (elem (i32.const 0) $five $trap)
  (func $five (result i64) (i64.const 5))
  (func $trap (result i64) unreachable)
  (func (export "good") (call $answer (call $call (i32.const 0))))
  (func (export "bad") (call $answer (call $call (i32.const 1)))))
