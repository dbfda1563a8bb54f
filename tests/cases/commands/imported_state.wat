;; State that a command imports belongs to another module: it is kept, but the segments of the
;; command are written to it at each call, as by a fresh instance.
;;! call run
;;! = ok "5 6 2 1 3 2 "
;;! call run
;;! = ok "5 6 4 3 5 4 "
;;! module base
(module
  (memory (export "memory") 1)
  (table (export "table") 1 funcref)
  (global (export "global") (mut i64) (i64.const 0)))
;;! module lib
(module
  (import "base" "memory" (memory 1))
  (import "base" "table" (table 1 funcref))
  (import "base" "global" (global $g (mut i64)))
  (memory $own 2)
  (data (i32.const 0) "\05")
  (func (export "_start"))
  (func (export "load") (result i64)
    (i64.store8 (i32.const 0) (i64.add (i64.load8_u (i32.const 0)) (i64.const 1)))
    (global.set $g (i64.add (global.get $g) (i64.const 1)))
    (i64.load8_u (i32.const 0)))
  (func (export "grow") (result i64)
    (drop (memory.grow $own (i32.const 1)))
    (drop (memory.grow (i32.const 1)))
    (i64.extend_i32_u (memory.size))))
;;! module main
(module
  (import "base" "memory" (memory 1))
  (import "base" "global" (global $g (mut i64)))
  (import "lib" "load" (func $load (result i64)))
  (import "lib" "grow" (func $grow (result i64)))
  ;;% include print
  (func (export "run")
    (drop (call $load))
    (drop (call $grow))
    (call $begin)
    (call $print (i64.load8_u (i32.const 0)))
    (call $print (call $load))
    (call $print (global.get $g))
    (call $print (i64.sub (global.get $g) (i64.const 1)))
    (call $print (call $grow))
    (call $print (i64.sub (i64.extend_i32_u (memory.size)) (i64.const 1)))
    (call $done)))
