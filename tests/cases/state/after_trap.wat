;; After a trap the same instance is used on: what was done before the trap stays.
;;! call get
;;! call trap
;;! call get
;;! call trap
;;! call trap
;;! call get "input"
(module
  ;;% include print
  (global $n (mut i64) (i64.const 0))
  (func (export "trap")
    (global.set $n (i64.add (global.get $n) (i64.const 1)))
    (call $answer (i64.const 99))
    unreachable)
  (func (export "get") (call $answer (global.get $n))))
