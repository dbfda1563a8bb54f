;; The one quotient that has no representation, and floats that are too large.
;;! call div32
;;! = error trap(integer-overflow) "the guest trapped: integer overflow"
;;! call div64
;;! = error trap(integer-overflow) "the guest trapped: integer overflow"
;;! call rem32
;;! = ok "0 "
;;! call trunc32s
;;! = error trap(integer-overflow) "the guest trapped: integer overflow"
;;! call trunc64u
;;! = error trap(integer-overflow) "the guest trapped: integer overflow"
;;! call trunc32u
;;! = error trap(integer-overflow) "the guest trapped: integer overflow"
;;! call fine
;;! = ok "1 "
(module
  ;;% include print
  (global $m32 (mut i32) (i32.const -1))
  (global $m64 (mut i64) (i64.const -1))
  (global $big (mut f64) (f64.const 1e30))
  (global $minus (mut f32) (f32.const -1))
  (func (export "div32") (drop (i32.div_s (i32.const 0x80000000) (global.get $m32))))
  (func (export "div64") (drop (i64.div_s (i64.const 0x8000000000000000) (global.get $m64))))
  (func (export "rem32") (call $answer
    (i64.extend_i32_s (i32.rem_s (i32.const 0x80000000) (global.get $m32)))))
  (func (export "trunc32s") (drop (i32.trunc_f64_s (global.get $big))))
  (func (export "trunc64u") (drop (i64.trunc_f64_u (global.get $big))))
  (func (export "trunc32u") (drop (i32.trunc_f32_u (global.get $minus))))
  (func (export "fine") (call $answer (i64.const 1))))
