;; `_start` has an instance of its own for each call; variables stay.
;;! function count
;;! call run
;;! call run
;;! call _start
;;! call run
;;! call _start
;;! call _start
;;! call run
;;! call run
(module
  (import "extism:host/user" "count" (func $count (result i64)))
  ;;% include print
  (memory (export "memory") 1)
  (global $runs (mut i64) (i64.const 10))
  (func $run
    (i64.store (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1)))
    (call $begin)
    (call $print (global.get $runs))
    (call $print (i64.load (i32.const 0)))
    (call $print (call $count))
    (call $done)
    (global.set $runs (i64.add (global.get $runs) (i64.const 1))))
  (func (export "_start") (call $run))
  (func (export "run") (call $run)))
