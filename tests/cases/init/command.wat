;; `_start` has an instance of its own for each call; variables stay.
;;! function count
;;! call run
;;! = ok "10 1 1 "
;;! call run
;;! = ok "11 2 2 "
;;! call _start
;;! = ok "12 3 3 "
;;! call run
;;! = ok "10 1 4 "
;;! call _start
;;! = ok "11 2 5 "
;;! call _start
;;! = ok "10 1 6 "
;;! call run
;;! = ok "10 1 7 "
;;! call run
;;! = ok "11 2 8 "
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
