;; A host function that fails or panics ends the call with its own error, also past an error text;
;; the plug-in can be used on.
;;! function fail
;;! function panic
;;! function one
;;! call fail
;;! = error host-function "the harness refuses"
;;! call fail_with_text
;;! = error host-function "the harness refuses"
;;! call panic
;;! = error host-function "host function `panic` panicked: the harness panics"
;;! call panic_with_text
;;! = error host-function "host function `panic` panicked: the harness panics"
;;! call trap
;;! = error trap(unreachable) "the guest trapped: unreachable executed"
;;! call fine
;;! = ok "1 "
(module
  (import "extism:host/user" "fail" (func $fail))
  (import "extism:host/user" "panic" (func $panic))
  (import "extism:host/user" "one" (func $one (result i64)))
  (import "extism:host/env" "error_set" (func $error_set (param i64)))
  ;;% include print
  ;;% include fail
  (func (export "fail") (call $fail))
  (func (export "fail_with_text") (call $boom) (call $fail))
  (func (export "panic") (call $panic))
  (func (export "panic_with_text") (call $boom) (call $panic))
  (func (export "trap") (drop (call $one)) unreachable)
  (func (export "fine") (call $answer (call $one))))
