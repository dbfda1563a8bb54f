;; A library is one instance for all that import it; the order in the manifest does not matter.
;;! call f
;;! = ok "1 2 "
;;! call f
;;! = ok "3 4 "
;;! module main
(module
  (import "left" "next" (func $left (result i64)))
  (import "right" "next" (func $right (result i64)))
  ;;% include print
  (func (export "f")
    (call $begin) (call $print (call $left)) (call $print (call $right)) (call $done)))
;;! module right
(module (import "base" "next" (func $next (result i64))) (export "next" (func $next)))
;;! module left
(module
  (import "base" "next" (func $next (result i64)))
  (func (export "next") (result i64) (call $next)))
;;! module base
(module
  (global $n (mut i64) (i64.const 0))
  (func (export "next") (result i64)
    (global.set $n (i64.add (global.get $n) (i64.const 1)))
    (global.get $n)))
