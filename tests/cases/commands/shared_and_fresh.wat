;; What a command itself imports is shared, unless that is a command too; handles of the kernel
;; memory, host functions and variables are the same for all.
;;! function count
;;! call run
;;! = ok "1 2 1 1 1 2 "
;;! call run
;;! = ok "3 4 1 1 3 4 "
;;! module base
(module
  (global $n (mut i64) (i64.const 0))
  (func (export "next") (result i64)
    (global.set $n (i64.add (global.get $n) (i64.const 1)))
    (global.get $n)))
;;! module inner
(module
  (global $n (mut i64) (i64.const 0))
  (func (export "_start"))
  (func (export "next") (result i64)
    (global.set $n (i64.add (global.get $n) (i64.const 1)))
    (global.get $n)))
;;! module outer
(module
  (import "base" "next" (func $base (result i64)))
  (import "inner" "next" (func $inner (result i64)))
  (import "env" "count" (func $count (result i64)))
  (func (export "_start"))
  (func (export "base") (result i64) (call $base))
  (func (export "inner") (result i64) (drop (call $inner)) (call $inner))
  (export "direct" (func $inner))
  (func (export "count") (result i64) (call $count)))
;;! module main
(module
  (import "outer" "base" (func $base (result i64)))
  (import "outer" "inner" (func $inner (result i64)))
  (import "outer" "direct" (func $direct (result i64)))
  (import "outer" "count" (func $count (result i64)))
  ;;% include print
  (func (export "run")
    (call $begin)
    (call $print (call $base)) (call $print (call $base))
    (call $print (call $inner)) (call $print (call $direct))
    (call $print (call $count)) (call $print (call $count))
    (call $done)))
