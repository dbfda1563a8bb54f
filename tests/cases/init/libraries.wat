;; Libraries are initialised once, before the main module.
;;! call get
;;! = ok "1 1 "
;;! call get
;;! = ok "1 1 "
;;! module lib
(module
  (global $runs (mut i64) (i64.const 0))
  (func (export "_initialize") (global.set $runs (i64.add (global.get $runs) (i64.const 1))))
  (func (export "runs") (result i64) (global.get $runs)))
;;! module main
(module
  (import "lib" "runs" (func $runs (result i64)))
  ;;% include print
  (global $seen (mut i64) (i64.const 0))
  (func (export "_initialize") (global.set $seen (call $runs)))
  (func (export "get")
    (call $begin) (call $print (global.get $seen)) (call $print (call $runs)) (call $done)))
