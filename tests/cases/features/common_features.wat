;; What every engine promises: sign extension, saturating conversions, multi-value, bulk memory,
;; tables of functions, extended constants, several memories, mutable globals.
;;! call f
;;! = ok "-1 0 0 42 651059317713141760 11 2 5 "
(module
  ;;% include print
  (memory $a 1)
  (memory $b 1)
  (data $data "\07")
  (table $t 2 funcref)
  (global $g (export "g") (mut i64) (i64.const 0))
  (global $extended i32 (i32.add (i32.const 3) (i32.mul (i32.const 2) (i32.const 4))))
  (func $pair (result i64 i64) (i64.const 20) (i64.const 22))
  (func (export "f")
    (memory.init $b $data (i32.const 5) (i32.const 0) (i32.const 1))
    (data.drop $data)
    (memory.fill $a (i32.const 0) (i32.const 9) (i32.const 4))
    (memory.copy $b $a (i32.const 6) (i32.const 0) (i32.const 2))
    (table.fill $t (i32.const 0) (ref.null func) (i32.const 2))
    (call $begin)
    (call $print (i64.extend8_s (i64.const 0xff)))
    (call $print (i64.trunc_sat_f64_s (f64.const nan)))
    (call $print (i64.trunc_sat_f64_u (f64.const -5)))
    (call $print (i64.add (call $pair)))
    (call $print (i64.load $b (i32.const 0)))
    (call $print (i64.extend_i32_u (global.get $extended)))
    (call $print (i64.extend_i32_u (table.grow $t (ref.null func) (i32.const 3))))
    (call $print (i64.extend_i32_u (table.size $t)))
    (call $done)))
