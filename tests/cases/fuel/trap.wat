;; A trap outside of a loop is counted to the point; what a loop did since it last called is not.
;;! fuel 1000000
(module
  (func $none)
  (func (export "at_once") (call $none) (unreachable))
  (func (export "in_a_loop") (local $i i32)
    (loop $l
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (if (i32.eq (local.get $i) (i32.const 100)) (then (unreachable)))
      (br $l)))
  (func (export "far_in_a_loop") (local $i i32)
    (loop $l
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (if (i32.eq (local.get $i) (i32.const 10000)) (then (unreachable)))
      (br $l))))
;;! call at_once
;;! = error trap(unreachable) "the guest trapped: unreachable executed"
;;! fuel-consumed
;;! = ok "44"
;;! call in_a_loop
;;! = error trap(unreachable) "the guest trapped: unreachable executed"
;;! fuel-consumed
;;! = ok "2"
;;! call far_in_a_loop
;;! = error trap(unreachable) "the guest trapped: unreachable executed"
;;! fuel-consumed
;;! = ok "100022"
