;; NaNs that arithmetic makes have the same bits everywhere.
;;! call f
;;! = ok "2143289344 2143289344 2143289344 9221120237041090560 9221120237041090560 "
(module
  ;;% include print
  (func $add32 (param f32 f32) (result i64)
    (i64.extend_i32_u (i32.reinterpret_f32 (f32.add (local.get 0) (local.get 1)))))
  (func $div64 (param f64 f64) (result i64)
    (i64.reinterpret_f64 (f64.div (local.get 0) (local.get 1))))
  (func (export "f")
    (call $begin)
    (call $print (call $add32 (f32.const inf) (f32.const -inf)))
    (call $print (call $add32 (f32.const nan:0x200001) (f32.const 1)))
    (call $print (call $add32 (f32.const -nan:0x400123) (f32.const 1)))
    (call $print (call $div64 (f64.const 0) (f64.const 0)))
    (call $print (call $div64 (f64.const -nan:0xfffffffff) (f64.const 2)))
    (call $done)))
