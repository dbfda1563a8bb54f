;; The output of a failed call is not the output of the next.
;;! call fail
;;! = error return-code(3) "the guest function returned the error code 3"
;;! call silent
;;! = ok ""
(module
  ;;% include print
  (func (export "fail") (result i32) (call $answer (i64.const 1)) (i32.const 3))
  (func (export "silent")))
