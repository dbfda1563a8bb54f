;; A start section that traps is a trap of the call, not of the instantiation.
;;! new
;;! call get
;;! = error trap(unreachable) "the guest trapped: unreachable executed"
;;! call get
;;! = error trap(unreachable) "the guest trapped: unreachable executed"
(module
  (func $start unreachable)
  (start $start)
  (func (export "get")))
