;; A start section that traps is a trap of the call, not of the instantiation.
;;! new
;;! call get
;;! call get
(module
  (func $start unreachable)
  (start $start)
  (func (export "get")))
