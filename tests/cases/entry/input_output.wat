;; The input comes in and the output goes out; both end with the call.
;;! call echo "hello"
;;! = ok "hello"
;;! call echo
;;! = ok ""
;;! call echo "a\x00\xff\n"
;;! = ok "a\x00\xff\n"
;;! call echo "0123456789abcdef" * 10000
;;! = ok 160000 bytes, hash 0b3cdfbd0df046a5
;;! call silent "ignored"
;;! = ok ""
;;! call length "1234567"
;;! = ok "7 "
(module
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
  ;;% include print
  (func (export "echo") (call $output_set (call $input_offset) (call $input_length)))
  (func (export "silent"))
  (func (export "length") (call $answer (call $input_length))))
