;; Start section first, then `_initialize`, then the function.
;;! call get
;;! = ok "123 "
(module
  ;;% include print
  (global $runs (mut i64) (i64.const 0))
  (func $step (param i64)
    (global.set $runs (i64.add (i64.mul (global.get $runs) (i64.const 10)) (local.get 0))))
  (func $start (call $step (i64.const 1)))
  (start $start)
  (func (export "_initialize") (call $step (i64.const 2)))
  (func (export "get") (call $step (i64.const 3)) (call $answer (global.get $runs))))
