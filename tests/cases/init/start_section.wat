;; A start section runs once, at the first call, and may use the kernel and the host.
;;! config k = "v"
;;! function one
;;! call get
;;! = ok "1 "
;;! call get
;;! = ok "1 "
;;! new
;;! call get
;;! = ok "1 "
(module
  (import "extism:host/user" "one" (func $one (result i64)))
  (import "extism:host/env" "var_set" (func $var_set (param i64 i64)))
  ;;% include print
  (global $runs (mut i64) (i64.const 0))
  (func $start
    (call $var_set (call $alloc (i64.const 1)) (call $alloc (i64.const 2)))
    (global.set $runs (i64.add (global.get $runs) (call $one))))
  (start $start)
  (func (export "get") (call $answer (global.get $runs))))
