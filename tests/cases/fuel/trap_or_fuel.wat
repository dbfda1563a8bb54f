;; A call that wants more than there is has run out of fuel, also if it traps before anybody has looked.
;;! fuel 4
(module
  (func (export "traps") (drop (i32.div_u (i32.const 1) (i32.const 0))))
  (func (export "wants_more") nop (drop (i32.div_u (i32.const 1) (i32.const 0)))))
;;! call traps
;;! = error trap(divide-by-zero) "the guest trapped: integer divide by zero"
;;! fuel-consumed
;;! = ok "4"
;;! call wants_more
;;! = error out-of-fuel "the call used up its fuel of 4 units"
;;! fuel-consumed
;;! = ok "4"
