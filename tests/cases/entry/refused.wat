;; Only functions without parameters and with at most one result can be called.
;;! call nope
;;! call
;;! call one_param
;;! call two_params
;;! call two_results
;;! call reference
;;! call memory
;;! call global
;;! call table
;;! call fine
;;! exists nope
;;! exists one_param
;;! exists two_results
;;! exists memory
;;! exists fine
(module
  (memory (export "memory") 1)
  (global (export "global") i32 (i32.const 1))
  (table (export "table") 1 funcref)
  (func (export "one_param") (param i32))
  (func (export "two_params") (param i64 i64) (result i32) (i32.const 0))
  (func (export "two_results") (result i32 i32) (i32.const 0) (i32.const 0))
  (func (export "reference") (result funcref) (ref.null func))
  (func (export "fine")))
