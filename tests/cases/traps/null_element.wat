;; A call through an element that is null.
;;! call call
;;! = error trap(null-element) "the guest trapped: uninitialized element"
;;! call fine
;;! = ok "1 "
(module
  ;;% include print
  (type $t (func))
  (table 2 funcref)
  (func (export "call") (call_indirect (type $t) (i32.const 1)))
  (func (export "fine") (call $answer (i64.const 1))))
