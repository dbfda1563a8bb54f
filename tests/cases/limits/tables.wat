;; All tables together have a million elements at most, unless the host says otherwise.
(module
  (table $t 10 funcref)
  (table $fixed 100 100 funcref)
  (func $grow (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0)))
  (func (export "rest") (result i32) (i32.sub (call $grow (i32.const 999890)) (i32.const 10)))
  (func (export "one_more") (result i32) (call $grow (i32.const 1)))
  (func (export "none") (result i32) (i32.sub (call $grow (i32.const 0)) (i32.const 999900)))
  (func (export "huge") (result i32) (call $grow (i32.const -1))))
;;! call huge
;;! = error return-code(-1) "the guest function returned the error code -1"
;;! call rest
;;! = ok ""
;;! call one_more
;;! = error return-code(-1) "the guest function returned the error code -1"
;;! call huge
;;! = error return-code(-1) "the guest function returned the error code -1"
;;! call none
;;! = ok ""
