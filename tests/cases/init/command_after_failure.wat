;; A command that fails leaves a fresh instance to the next call.
;;! call _start
;;! = error trap(unreachable) "the guest trapped: unreachable executed"
;;! call get
;;! = ok "10 "
;;! call _start
;;! = error trap(unreachable) "the guest trapped: unreachable executed"
;;! call get
;;! = ok "10 "
(module
  ;;% include print
  (global $runs (mut i64) (i64.const 0))
  (func (export "_start")
    (global.set $runs (i64.add (global.get $runs) (i64.const 1)))
    unreachable)
  (func (export "get")
    (global.set $runs (i64.add (global.get $runs) (i64.const 10)))
    (call $answer (global.get $runs))))
