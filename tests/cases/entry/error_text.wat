;; An error text of the guest makes the call fail, whatever the function returns.
;;! call zero
;;! call nothing
;;! call nine
;;! call trap
;;! call cleared
;;! call no_block
;;! call empty
;;! call fine
(module
  (import "extism:host/env" "error_set" (func $error_set (param i64)))
  ;;% include print
  ;;% include fail
  (func (export "zero") (result i32) (call $boom) (i32.const 0))
  (func (export "nothing") (call $boom))
  (func (export "nine") (result i32) (call $boom) (i32.const 9))
  (func (export "trap") (call $boom) unreachable)
  (func (export "cleared") (call $boom) (call $error_set (i64.const 0)) (call $answer (i64.const 1)))
  (func (export "no_block") (call $error_set (i64.const 1000)))
  (func (export "empty") (result i32) (call $boom) (call $error_set (i64.const 81)) (i32.const 4))
  (func (export "fine") (call $answer (i64.const 2))))
