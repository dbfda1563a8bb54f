;; An error text of the guest makes the call fail, whatever the function returns.
;;! call zero
;;! = error guest "boom"
;;! call nothing
;;! = error guest "boom"
;;! call nine
;;! = error guest(code 9) "boom"
;;! call trap
;;! = error guest "boom"
;;! call cleared
;;! = ok "1 "
;;! call no_block
;;! = error guest "the guest set an error without a text"
;;! call empty
;;! = error guest(code 4) "the guest set an error without a text"
;;! call fine
;;! = ok "2 "
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
