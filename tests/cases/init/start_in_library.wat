;; Start sections run in the order of the imports, dependencies first.
;;! call get
;;! = ok "7 "
;;! module main
(module
  (import "lib" "runs" (func $runs (result i64)))
  ;;% include print
  (global $seen (mut i64) (i64.const 0))
  (func $start (global.set $seen (call $runs)))
  (start $start)
  (func (export "get") (call $answer (global.get $seen))))
;;! module lib
(module
  (global $runs (mut i64) (i64.const 0))
  (func $start (global.set $runs (i64.add (global.get $runs) (i64.const 7))))
  (start $start)
  (func (export "runs") (result i64) (global.get $runs)))
