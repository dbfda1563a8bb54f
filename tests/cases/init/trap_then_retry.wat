;; If initialisation fails, the next call tries again with a new instance; variables stay.
;;! call get
;;! = error trap(unreachable) "the guest trapped: unreachable executed"
;;! call get
;;! = error trap(unreachable) "the guest trapped: unreachable executed"
;;! call get
;;! = ok "1 "
;;! call get
;;! = ok "1 "
;;! function count
(module
  (import "extism:host/user" "count" (func $count (result i64)))
  ;;% include print
  (global $runs (mut i64) (i64.const 0))
  (func (export "_initialize")
    (global.set $runs (i64.add (global.get $runs) (i64.const 1)))
    (if (i64.lt_s (call $count) (i64.const 3)) (then unreachable)))
  (func (export "get") (call $answer (global.get $runs))))
