;; With both, only `__wasm_call_ctors` runs: a reactor's `_initialize` calls it itself.
;;! call get
;;! = ok "100 "
(module
  ;;% include print
  (global $runs (mut i64) (i64.const 0))
  (func (export "_initialize") (global.set $runs (i64.add (global.get $runs) (i64.const 1))))
  (func (export "__wasm_call_ctors")
    (global.set $runs (i64.add (global.get $runs) (i64.const 100))))
  (func (export "get") (call $answer (global.get $runs))))
