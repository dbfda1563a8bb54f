;; A limit of 0: nothing can be set or removed, looking is allowed.
;;! max-var-bytes 0
;;! call get
;;! = ok "0 "
;;! call set
;;! = error host-function "`var_set`: variables are disabled for this plug-in: its limit is 0 bytes"
;;! call delete
;;! = error host-function "`var_set`: variables are disabled for this plug-in: its limit is 0 bytes"
(module
  (import "extism:host/env" "var_get" (func $var_get (param i64) (result i64)))
  (import "extism:host/env" "var_set" (func $var_set (param i64 i64)))
  ;;% include print
  (func (export "get") (call $answer (call $var_get (call $alloc (i64.const 1)))))
  (func (export "set") (call $var_set (call $alloc (i64.const 1)) (call $alloc (i64.const 1))))
  (func (export "delete") (call $var_set (call $alloc (i64.const 1)) (i64.const 0))))
