;; After a trap the same instance is used on: what was done before the trap stays.
;;! call get
;;! = ok "0 "
;;! call trap
;;! = error trap(unreachable) "the guest trapped: unreachable executed"
;;! call get
;;! = ok "1 "
;;! call trap
;;! = error trap(unreachable) "the guest trapped: unreachable executed"
;;! call trap
;;! = error trap(unreachable) "the guest trapped: unreachable executed"
;;! call get "input"
;;! = ok "3 "
(module
  ;;% include print
  (global $n (mut i64) (i64.const 0))
  (func (export "trap")
    (global.set $n (i64.add (global.get $n) (i64.const 1)))
    (call $answer (i64.const 99))
    unreachable)
  (func (export "get") (call $answer (global.get $n))))
