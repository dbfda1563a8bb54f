;; A library has the kernel and the host functions too, and each module its own memory for them.
;;! function sum
;;! function hello_world
;;! call own
;;! = ok "3 "
;;! call lib
;;! = ok "30 "
;;! call hello "World"
;;! = ok "Hello, World!"
;;! module lib
(module
  (import "env" "sum" (func $sum (param i32 i32) (result i64)))
  (import "extism:host/user" "hello_world" (func $hello (param i64) (result i64)))
  (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\0a\14")
  (func (export "sum") (result i64) (call $sum (i32.const 0) (i32.const 2)))
  (func (export "hello") (result i64) (call $hello (call $input_offset))))
;;! module main
(module
  (import "env" "sum" (func $sum (param i32 i32) (result i64)))
  (import "lib" "sum" (func $lib_sum (result i64)))
  (import "lib" "hello" (func $hello (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  ;;% include print
  (memory (export "memory") 1)
  (data (i32.const 0) "\01\02")
  (func (export "own") (call $answer (call $sum (i32.const 0) (i32.const 2))))
  (func (export "lib") (call $answer (call $lib_sum)))
  (func (export "hello") (local $block i64)
    (local.set $block (call $hello))
    (call $output_set (local.get $block) (call $length (local.get $block)))))
