;; `__wasm_call_ctors` runs once, and may use the host.
;;! function one
;;! call get
;;! = ok "1 "
;;! call get
;;! = ok "1 "
(module
  (import "extism:host/user" "one" (func $one (result i64)))
  ;;% include print
  (global $runs (mut i64) (i64.const 0))
  (func (export "__wasm_call_ctors")
    (global.set $runs (i64.add (global.get $runs) (call $one))))
  (func (export "get") (call $answer (global.get $runs))))
