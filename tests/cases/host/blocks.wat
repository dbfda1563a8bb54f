;; Bytes and text go through blocks; the null handle and what is no block are empty.
;;! function hello_world
;;! function reverse
;;! call hello "Wörld"
;;! = ok "Hello, Wörld!"
;;! call hello
;;! = ok "Hello, !"
;;! call hello "\xff"
;;! = error host-function "host function `hello_world` was given text that is not UTF-8"
;;! call reverse "abc\x00"
;;! = ok "\x00cba"
;;! call reverse
;;! = ok ""
;;! call bogus
;;! = ok "Hello, !"
(module
  (import "extism:host/user" "hello_world" (func $hello (param i64) (result i64)))
  (import "extism:host/user" "reverse" (func $reverse (param i64) (result i64)))
  (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  ;;% include print
  (func $out (param $block i64)
    (call $output_set (local.get $block) (call $length (local.get $block))))
  (func (export "hello") (call $out (call $hello (call $input_offset))))
  (func (export "reverse") (call $out (call $reverse (call $input_offset))))
  (func (export "bogus") (call $out (call $hello (i64.const -1)))))
