;; Up to a trap everything is counted, whatever loops it was in; and what follows in the same straight piece.
;;! fuel 1000000
(module
  (func $none)
  (func (export "at_once") (call $none) (unreachable))
  (func (export "in_a_piece") (drop (i32.div_u (i32.const 1) (i32.const 0))) nop nop nop)
  ;; 8 for a turn up to the branch, and `br`, or `unreachable`.
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
;;! = ok "2"
;;! call in_a_piece
;;! = error trap(divide-by-zero) "the guest trapped: integer divide by zero"
;;! fuel-consumed
;;! = ok "7"
;;! call in_a_loop
;;! = error trap(unreachable) "the guest trapped: unreachable executed"
;;! fuel-consumed
;;! = ok "900"
;;! call far_in_a_loop
;;! = error trap(unreachable) "the guest trapped: unreachable executed"
;;! fuel-consumed
;;! = ok "90000"
