;; `var_get` and `var_set`: both free what they are given; values stay between calls.
;;! call get "k"
;;! = error return-code(1) "the guest function returned the error code 1"
;;! call set "k=one"
;;! = ok ""
;;! call get "k"
;;! = ok "one"
;;! var k
;;! = ok "one"
;;! call set "k=two"
;;! = ok ""
;;! call get "k"
;;! = ok "two"
;;! set-var k = "from outside"
;;! call get "k"
;;! = ok "from outside"
;;! call delete "k"
;;! = ok ""
;;! call get "k"
;;! = error return-code(1) "the guest function returned the error code 1"
;;! var k
;;! = nothing
;;! call delete "k"
;;! = ok ""
;;! call set "=of the empty key"
;;! = ok ""
;;! call get
;;! = ok "of the empty key"
;;! call frees "a=b"
;;! = ok "0 0 "
;;! call bad_key
;;! = error host-function "`var_set`: the key is not a block of the kernel memory: 1000"
;;! call bad_value
;;! = error host-function "`var_set`: the value is not a block of the kernel memory: 1000"
;;! call set "\xff=x"
;;! = error host-function "`var_set`: the key is not UTF-8: invalid utf-8 sequence of 1 bytes from index 0"
;;! new
;;! call get "a"
;;! = error return-code(1) "the guest function returned the error code 1"
(module
  (import "extism:host/env" "var_get" (func $var_get (param i64) (result i64)))
  (import "extism:host/env" "var_set" (func $var_set (param i64 i64)))
  (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_load_u8" (func $input (param i64) (result i32)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  ;;% include print
  (func $part (param $from i64) (param $to i64) (result i64)
    (local $block i64) (local $i i64)
    (local.set $block (call $alloc (i64.sub (local.get $to) (local.get $from))))
    (loop $next
      (if (i64.lt_u (i64.add (local.get $from) (local.get $i)) (local.get $to))
        (then
          (call $store_u8 (i64.add (local.get $block) (local.get $i))
            (call $input (i64.add (local.get $from) (local.get $i))))
          (local.set $i (i64.add (local.get $i) (i64.const 1)))
          (br $next))))
    (local.get $block))
  (func $split (result i64) (local $i i64)
    (loop $next
      (if (i32.ne (call $input (local.get $i)) (i32.const 61))
        (then (local.set $i (i64.add (local.get $i) (i64.const 1))) (br $next))))
    (local.get $i))
  (func (export "get") (result i32)
    (local $value i64)
    (local.set $value (call $var_get (call $input_offset)))
    (call $output_set (local.get $value) (call $length (local.get $value)))
    (i32.eqz (i32.wrap_i64 (local.get $value))))
  (func (export "set")
    (call $var_set
      (call $part (i64.const 0) (call $split))
      (call $part (i64.add (call $split) (i64.const 1)) (call $input_length))))
  (func (export "delete") (call $var_set (call $input_offset) (i64.const 0)))
  (func (export "frees")
    (local $key i64) (local $value i64)
    (local.set $key (call $part (i64.const 0) (i64.const 1)))
    (local.set $value (call $part (i64.const 2) (i64.const 3)))
    (call $var_set (local.get $key) (local.get $value))
    (call $begin)
    (call $print (call $length (local.get $key)))
    (call $print (call $length (local.get $value)))
    (call $done))
  (func (export "bad_key") (call $var_set (i64.const 1000) (i64.const 0)))
  (func (export "bad_value") (call $var_set (call $alloc (i64.const 1)) (i64.const 1000))))
