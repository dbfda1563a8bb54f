;; A NaN has no integer value.
;;! call i32s
;;! = error trap(bad-conversion) "the guest trapped: invalid conversion to integer"
;;! call i32u
;;! = error trap(bad-conversion) "the guest trapped: invalid conversion to integer"
;;! call i64s
;;! = error trap(bad-conversion) "the guest trapped: invalid conversion to integer"
;;! call i64u
;;! = error trap(bad-conversion) "the guest trapped: invalid conversion to integer"
;;! call fine
;;! = ok "1 "
(module
  ;;% include print
  (global $nan32 (mut f32) (f32.const nan))
  (global $nan64 (mut f64) (f64.const -nan))
  (func (export "i32s") (drop (i32.trunc_f32_s (global.get $nan32))))
  (func (export "i32u") (drop (i32.trunc_f64_u (global.get $nan64))))
  (func (export "i64s") (drop (i64.trunc_f64_s (global.get $nan64))))
  (func (export "i64u") (drop (i64.trunc_f32_u (global.get $nan32))))
  (func (export "fine") (call $answer (i64.const 1))))
