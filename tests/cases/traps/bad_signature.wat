;; A call through an element of another type.
;;! call param
;;! = error trap(bad-signature) "the guest trapped: indirect call type mismatch"
;;! call result
;;! = error trap(bad-signature) "the guest trapped: indirect call type mismatch"
;;! call right
;;! = ok "3 "
;;! call fine
;;! = ok "1 "
(module
  ;;% include print
  (type $t (func (param i32)))
  (type $u (func (result i64)))
  (table funcref (elem $f $g))
  (func $f (param i64))
  (func $g (result i64) (i64.const 3))
  (func (export "param") (call_indirect (type $t) (i32.const 0) (i32.const 0)))
  (func (export "result") (call_indirect (type $t) (i32.const 0) (i32.const 1)))
  (func (export "right") (call $answer (call_indirect (type $u) (i32.const 1))))
  (func (export "fine") (call $answer (i64.const 1))))
