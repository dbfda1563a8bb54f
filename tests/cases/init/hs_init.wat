;; Haskell: `_initialize`, then `hs_init(0, 0)`.
;;! call get
;;! = ok "12 "
;;! call get
;;! = ok "12 "
(module
  ;;% include print
  (global $runs (mut i64) (i64.const 0))
  (func (export "_initialize")
    (global.set $runs (i64.add (i64.mul (global.get $runs) (i64.const 10)) (i64.const 1))))
  (func (export "__wasm_call_ctors") unreachable)
  (func (export "hs_init") (param i32 i32)
    (if (i32.or (local.get 0) (local.get 1)) (then unreachable))
    (global.set $runs (i64.add (i64.mul (global.get $runs) (i64.const 10)) (i64.const 2))))
  (func (export "get") (call $answer (global.get $runs))))
