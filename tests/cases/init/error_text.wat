;; An error text, or a failing host function, of the initialisation is the error of the call.
;;! function fail
;;! load
;;! call get
;;! = error host-function "the harness refuses"
;;! init
;;! = error host-function "the harness refuses"
;;! call get
;;! = error host-function "the harness refuses"
(module
  (import "extism:host/user" "fail" (func $fail))
  ;;% include print
  (func (export "_initialize") (call $fail))
  (func (export "get") (call $answer (i64.const 1))))
