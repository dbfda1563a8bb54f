;; A call that traps half-way leaves nothing to the next, and main keeps its own state.
;;! call bad
;;! = error trap(unreachable) "the guest trapped: unreachable executed"
;;! call good
;;! = ok "1 1 "
;;! call bad
;;! = error trap(unreachable) "the guest trapped: unreachable executed"
;;! call good
;;! = ok "2 1 "
;;! module lib
(module
  (global $n (mut i64) (i64.const 0))
  (func (export "_start"))
  (func (export "next") (result i64)
    (global.set $n (i64.add (global.get $n) (i64.const 1)))
    (global.get $n))
  (func (export "bad") (global.set $n (i64.const 50)) unreachable))
;;! module main
(module
  (import "lib" "next" (func $next (result i64)))
  (import "lib" "bad" (func $bad))
  ;;% include print
  (global $n (mut i64) (i64.const 0))
  (func (export "bad") (call $bad))
  (func (export "good")
    (global.set $n (i64.add (global.get $n) (i64.const 1)))
    (call $begin) (call $print (global.get $n)) (call $print (call $next)) (call $done)))
