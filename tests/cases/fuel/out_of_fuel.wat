;; What ends, how the error reads, and that the next call starts afresh.
;;! fuel 1000
(module
  (global $calls (mut i32) (i32.const 0))
  (func (export "endless") (global.set $calls (i32.const 5)) (loop $l (br $l)))
  (func (export "calls") (result i32) (global.get $calls)))
;;! call endless
;;! = error out-of-fuel "the call used up its fuel of 1000 units"
;;! fuel-consumed
;;! = ok "1000"
;;! call calls
;;! = ok ""
;;! fuel-consumed
;;! = ok "1"
