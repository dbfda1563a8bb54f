;; Recursion without end: direct, mutual, indirect, with large frames.
;;! call direct
;;! = error trap(stack-overflow) "the guest trapped: call stack exhausted"
;;! call mutual
;;! = error trap(stack-overflow) "the guest trapped: call stack exhausted"
;;! call indirect
;;! = error trap(stack-overflow) "the guest trapped: call stack exhausted"
;;! call large
;;! = error trap(stack-overflow) "the guest trapped: call stack exhausted"
;;! call direct
;;! = error trap(stack-overflow) "the guest trapped: call stack exhausted"
;;! call fine
;;! = ok "1 "
(module
  ;;% include print
  (type $t (func (result i64)))
  (table funcref (elem $indirect))
  (func $direct (export "direct") (call $direct) (call $put (i32.const 0)))
  (func $even (export "mutual") (call $odd) (call $put (i32.const 0)))
  (func $odd (call $even) (call $put (i32.const 0)))
  (func $indirect (result i64)
    (i64.add (call_indirect (type $t) (i32.const 0)) (i64.const 1)))
  (func (export "indirect") (drop (call $indirect)))
  (func $large (param i64 i64 i64 i64 i64 i64 i64 i64) (result i64)
    (i64.add (local.get 0)
      (call $large
        (i64.add (local.get 7) (i64.const 1)) (local.get 0) (local.get 1) (local.get 2)
        (local.get 3) (local.get 4) (local.get 5) (local.get 6))))
  (func (export "large")
    (drop (call $large (i64.const 1) (i64.const 2) (i64.const 3) (i64.const 4)
      (i64.const 5) (i64.const 6) (i64.const 7) (i64.const 8))))
  (func (export "fine") (call $answer (i64.const 1))))
