;; Globals, memory and tables stay between calls; the kernel memory does not.
;;! call next
;;! = ok "1 2 2 1 0 "
;;! call next
;;! = ok "2 4 3 0 0 "
;;! reset
;;! call next
;;! = ok "3 6 4 0 0 "
;;! new
;;! call next
;;! = ok "1 2 2 1 0 "
(module
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  ;;% include print
  (memory 1)
  (table 1 funcref)
  (elem declare func $next)
  (global $calls (mut i64) (i64.const 0))
  (global $old (mut i64) (i64.const 0))
  (func $next (export "next")
    (local $alive i64)
    (local.set $alive (call $length (global.get $old)))
    (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
    (drop (memory.grow (i32.const 1)))
    (i32.store8 (i32.const 0) (i32.add (i32.load8_u (i32.const 0)) (i32.const 2)))
    (call $begin)
    (global.set $old (call $alloc (i64.const 9)))
    (call $print (global.get $calls))
    (call $print (i64.extend_i32_u (i32.load8_u (i32.const 0))))
    (call $print (i64.extend_i32_u (memory.size)))
    (call $print (i64.extend_i32_u (ref.is_null (table.get (i32.const 0)))))
    (call $print (local.get $alive))
    (table.set (i32.const 0) (ref.func $next))
    (call $done)))
