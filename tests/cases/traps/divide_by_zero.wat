;; Division and remainder, both widths, both signs.
;;! call div32s
;;! = error trap(divide-by-zero) "the guest trapped: integer divide by zero"
;;! call div32u
;;! = error trap(divide-by-zero) "the guest trapped: integer divide by zero"
;;! call rem32s
;;! = error trap(divide-by-zero) "the guest trapped: integer divide by zero"
;;! call rem32u
;;! = error trap(divide-by-zero) "the guest trapped: integer divide by zero"
;;! call div64s
;;! = error trap(divide-by-zero) "the guest trapped: integer divide by zero"
;;! call div64u
;;! = error trap(divide-by-zero) "the guest trapped: integer divide by zero"
;;! call rem64s
;;! = error trap(divide-by-zero) "the guest trapped: integer divide by zero"
;;! call rem64u
;;! = error trap(divide-by-zero) "the guest trapped: integer divide by zero"
;;! call fine
;;! = ok "1 "
(module
  ;;% include print
  (global $zero32 (mut i32) (i32.const 0))
  (global $zero64 (mut i64) (i64.const 0))
  (func (export "div32s") (drop (i32.div_s (i32.const 1) (global.get $zero32))))
  (func (export "div32u") (drop (i32.div_u (i32.const 1) (global.get $zero32))))
  (func (export "rem32s") (drop (i32.rem_s (i32.const 1) (global.get $zero32))))
  (func (export "rem32u") (drop (i32.rem_u (i32.const 1) (global.get $zero32))))
  (func (export "div64s") (drop (i64.div_s (i64.const 1) (global.get $zero64))))
  (func (export "div64u") (drop (i64.div_u (i64.const 1) (global.get $zero64))))
  (func (export "rem64s") (drop (i64.rem_s (i64.const 1) (global.get $zero64))))
  (func (export "rem64u") (drop (i64.rem_u (i64.const 1) (global.get $zero64))))
  (func (export "fine") (call $answer (i64.const 1))))
