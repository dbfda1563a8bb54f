;; A library that exports `_start` has the state of a fresh instance for each call of a function:
;; memory, globals, tables, sizes, and what segments and the start function make of them.
;;! call run
;;! = ok "3 11 42 1 2 1 7 "
;;! call run
;;! = ok "3 11 42 1 2 1 7 "
;;! call spoil
;;! = ok "4 6 0 "
;;! call spoil
;;! = ok "4 6 0 "
;;! call run
;;! = ok "3 11 42 1 2 1 7 "
;;! module lib
(module
  (type $number (func (result i64)))
  (memory 1 5)
  (table $t 2 8 funcref)
  (global $immutable i64 (i64.const 41))
  (global $calls (mut i64) (i64.const 1))
  (global $started (mut i64) (i64.const 10))
  (data (i32.const 8) "\02\00\00\00\00\00\00\00")
  (elem (i32.const 1) $seven)
  (func $seven (result i64) (i64.const 7))
  (func $start (global.set $started (i64.add (global.get $started) (i64.const 1))))
  (start $start)
  (func (export "_start") unreachable)
  (func (export "calls") (result i64)
    (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
    (i64.add (global.get $calls) (i64.const 1)))
  (func (export "started") (result i64) (global.get $started))
  (func (export "sum") (param i64) (result i64) (i64.add (global.get $immutable) (local.get 0)))
  (func (export "pages") (result i64) (i64.extend_i32_u (memory.size)))
  (func (export "elements") (result i64) (i64.extend_i32_u (table.size $t)))
  (func (export "counted") (result i64)
    (i64.store (i32.const 8) (i64.sub (i64.load (i32.const 8)) (i64.const 1)))
    (i64.load (i32.const 8)))
  (func (export "element") (result i64) (call_indirect (type $number) (i32.const 1)))
  (func (export "spoil") (param $at i32) (result i64) (local $was i64)
    (local.set $was (i64.load (i32.const 100)))
    (i64.store (i32.const 100) (i64.const 9))
    (i64.store (i32.const 8) (i64.const 9))
    (table.fill $t (i32.const 0) (ref.null func) (i32.const 2))
    (global.set $started (i64.const 99))
    (if (i32.ne (memory.grow (i32.const 3)) (i32.const 1)) (then unreachable))
    (if (i32.ne (memory.grow (i32.const 2)) (i32.const -1)) (then unreachable))
    (if (i64.ne (i64.load (i32.const 200000)) (i64.const 0)) (then unreachable))
    (i64.store (i32.const 200000) (i64.const 9))
    (if (i32.ne (table.grow $t (ref.func $seven) (i32.const 4)) (i32.const 2)) (then unreachable))
    (if (i32.ne (table.grow $t (ref.null func) (i32.const 3)) (i32.const -1)) (then unreachable))
    (if (i64.ne (call_indirect (type $number) (i32.const 5)) (i64.const 7)) (then unreachable))
    (select (i64.extend_i32_u (memory.size))
      (select (i64.extend_i32_u (table.size $t)) (local.get $was)
        (i32.eq (local.get $at) (i32.const 1)))
      (i32.eqz (local.get $at)))))
;;! module main
(module
  (import "lib" "calls" (func $calls (result i64)))
  (import "lib" "started" (func $started (result i64)))
  (import "lib" "sum" (func $sum (param i64) (result i64)))
  (import "lib" "pages" (func $pages (result i64)))
  (import "lib" "elements" (func $elements (result i64)))
  (import "lib" "counted" (func $counted (result i64)))
  (import "lib" "element" (func $element (result i64)))
  (import "lib" "spoil" (func $spoil (param i32) (result i64)))
  ;;% include print
  (func (export "run")
    (drop (call $calls))
    (call $begin)
    (call $print (call $calls)) (call $print (call $started)) (call $print (call $sum (i64.const 1)))
    (call $print (call $pages)) (call $print (call $elements)) (call $print (call $counted))
    (call $print (call $element))
    (call $done))
  (func (export "spoil")
    (call $begin)
    (call $print (call $spoil (i32.const 0)))
    (call $print (call $spoil (i32.const 1)))
    (call $print (call $spoil (i32.const 2)))
    (call $done)))
