;; A library imports functions of the kernel that the main module exports again.
;;! call f
;;! = ok "7 "
;;! module lib
(module
  (import "main" "allocate" (func $alloc (param i64) (result i64)))
  (import "main" "measure" (func $length (param i64) (result i64)))
  (import "main" "keep" (func $keep (param i64)))
  (func (export "_initialize") (call $keep (call $length (call $alloc (i64.const 7))))))
;;! module main
(module
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  ;;% include print
  (global $kept (mut i64) (i64.const 0))
  (export "allocate" (func $alloc))
  (export "measure" (func $length))
  (func (export "keep") (param i64) (global.set $kept (local.get 0)))
  (func (export "f") (call $answer (global.get $kept))))
