;; Logging never fails a call while nobody listens, not even with a bad handle; it frees the line.
;;! call all "a line"
;;! = ok "0 "
;;! call all
;;! = ok "0 "
;;! call bad
;;! = ok ""
;;! call level
;;! = ok "2147483647 "
(module
  (import "extism:host/env" "log_trace" (func $trace (param i64)))
  (import "extism:host/env" "log_debug" (func $debug (param i64)))
  (import "extism:host/env" "log_info" (func $info (param i64)))
  (import "extism:host/env" "log_warn" (func $warn (param i64)))
  (import "extism:host/env" "log_error" (func $error (param i64)))
  (import "extism:host/env" "get_log_level" (func $level (result i32)))
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  ;;% include print
  (func $line (result i64) (call $alloc (call $input_length)))
  (func (export "all") (local $line i64)
    (call $trace (call $line))
    (call $debug (call $line))
    (call $info (call $line))
    (call $warn (call $line))
    (local.set $line (call $line))
    (call $error (local.get $line))
    (call $answer (call $length (local.get $line))))
  (func (export "bad") (call $info (i64.const 1000)) (call $error (i64.const -1)))
  (func (export "level") (call $answer (i64.extend_i32_u (call $level)))))
