;; `_initialize` runs once for each instance, at the first call or on request.
;;! call get
;;! = ok "1 "
;;! call get
;;! = ok "1 "
;;! new
;;! init
;;! init
;;! call get
;;! = ok "1 "
(module
  ;;% include print
  (global $runs (mut i64) (i64.const 0))
  (func (export "_initialize") (global.set $runs (i64.add (global.get $runs) (i64.const 1))))
  (func (export "get") (call $answer (global.get $runs))))
