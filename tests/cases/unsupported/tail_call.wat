;; With the power a million calls need no stack, without it loading is refused.
;;! needs tail-calls "engine `{engine}` has no tail calls, which module `main` needs"
;;! call f
;;! = ok "2000000 "
(module
  ;;% include print
  (func $down (param i64 i64) (result i64)
    (if (i64.eqz (local.get 0)) (then (return (local.get 1))))
    (return_call $down
      (i64.sub (local.get 0) (i64.const 1)) (i64.add (local.get 1) (i64.const 2))))
  (func (export "f") (call $answer (call $down (i64.const 1000000) (i64.const 0)))))
