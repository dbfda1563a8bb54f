;; What lies behind the end of the fuel is not seen: neither calls of the host, nor that a call returns. What lies
;; before it is.
;;! fuel 5
(module
  (import "extism:host/env" "log_info" (func $log (param i64)))
  (import "extism:host/env" "var_set" (func $set (param i64 i64)))
  ;; 5 up to its end, and with the second call.
  (func (export "enough") (call $log (i64.const 0)) (call $set (i64.const 0) (i64.const 0)))
  (func (export "one_less") nop (call $log (i64.const 0)) (call $set (i64.const 0) (i64.const 0)))
  ;; Without a call or a loop nobody looks before the end.
  (func (export "at_the_end") nop nop nop nop nop nop))
;;! call enough
;;! = ok ""
;;! fuel-consumed
;;! = ok "5"
;;! call one_less
;;! = error out-of-fuel "the call used up its fuel of 5 units"
;;! fuel-consumed
;;! = ok "5"
;;! call at_the_end
;;! = error out-of-fuel "the call used up its fuel of 5 units"
