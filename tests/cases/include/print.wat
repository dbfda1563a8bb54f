  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (global $text (mut i64) (i64.const 0))
  (global $used (mut i64) (i64.const 0))
  (func $put (param $byte i32)
    (call $store_u8 (i64.add (global.get $text) (global.get $used)) (local.get $byte))
    (global.set $used (i64.add (global.get $used) (i64.const 1))))
  (func $digits (param $n i64)
    (if (i64.ge_u (local.get $n) (i64.const 10))
      (then (call $digits (i64.div_u (local.get $n) (i64.const 10)))))
    (call $put (i32.wrap_i64 (i64.add (i64.rem_u (local.get $n) (i64.const 10)) (i64.const 48)))))
  ;; Starts a text of at most 256 bytes.
  (func $begin
    (global.set $text (call $alloc (i64.const 256)))
    (global.set $used (i64.const 0)))
  ;; Adds a number and a space.
  (func $print (param $n i64)
    (if (i64.lt_s (local.get $n) (i64.const 0))
      (then
        (call $put (i32.const 45))
        (local.set $n (i64.sub (i64.const 0) (local.get $n)))))
    (call $digits (local.get $n))
    (call $put (i32.const 32)))
  ;; Makes the text the output.
  (func $done (call $output_set (global.get $text) (global.get $used)))
  ;; Outputs one number.
  (func $answer (param $n i64)
    (call $begin) (call $print (local.get $n)) (call $done))
