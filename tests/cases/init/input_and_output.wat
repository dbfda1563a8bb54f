;; Initialisation has no input, and its output is not the output of the call.
;;! call get "hello"
;;! = ok ""
(module
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  ;;% include print
  (global $seen (mut i64) (i64.const -1))
  (func (export "_initialize")
    (global.set $seen (call $input_length))
    (call $answer (i64.const 42)))
  (func (export "get") (if (i64.ne (global.get $seen) (i64.const 0)) (then unreachable))))
