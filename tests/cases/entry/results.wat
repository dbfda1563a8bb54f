;; No result or a result that is no i32 means success; an i32 is the return code.
;;! call nothing
;;! call zero
;;! call seven
;;! call minus
;;! call smallest
;;! call wide
;;! call single
;;! call double
;;! call nothing
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
