;; A handle of an earlier call is dead, for the kernel and for the host.
;;! config k = "v"
;;! call keep
;;! = ok "208 "
;;! call use
;;! = ok "0 "
;;! call use_in_host
;;! = error host-function "`config_get`: the key is not a block of the kernel memory: 208"
;;! call use
;;! = ok "0 "
(module
  (import "extism:host/env" "config_get" (func $config_get (param i64) (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "free" (func $free (param i64)))
  ;;% include print
  (global $kept (mut i64) (i64.const 0))
  (func (export "keep")
    (drop (call $alloc (i64.const 100)))
    (global.set $kept (call $alloc (i64.const 1)))
    (call $answer (global.get $kept)))
  (func (export "use")
    (call $free (global.get $kept))
    (call $begin)
    (call $print (call $length (global.get $kept)))
    (call $done))
  (func (export "use_in_host") (drop (call $config_get (global.get $kept)))))
