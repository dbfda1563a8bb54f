;; No result or a result that is no i32 means success; an i32 is the return code.
;;! call nothing
;;! = ok "1 "
;;! call zero
;;! = ok "2 "
;;! call seven
;;! = error return-code(7) "the guest function returned the error code 7"
;;! call minus
;;! = error return-code(-5) "the guest function returned the error code -5"
;;! call smallest
;;! = error return-code(-2147483648) "the guest function returned the error code -2147483648"
;;! call wide
;;! = ok "5 "
;;! call single
;;! = ok "6 "
;;! call double
;;! = ok "7 "
;;! call nothing
;;! = ok "1 "
(module
  ;;% include print
  (func (export "nothing") (call $answer (i64.const 1)))
  (func (export "zero") (result i32) (call $answer (i64.const 2)) (i32.const 0))
  (func (export "seven") (result i32) (call $answer (i64.const 3)) (i32.const 7))
  (func (export "minus") (result i32) (call $answer (i64.const 4)) (i32.const -5))
  (func (export "smallest") (result i32) (i32.const 0x80000000))
  (func (export "wide") (result i64) (call $answer (i64.const 5)) (i64.const 0x100000000))
  (func (export "single") (result f32) (call $answer (i64.const 6)) (f32.const nan))
  (func (export "double") (result f64) (call $answer (i64.const 7)) (f64.const 1)))
