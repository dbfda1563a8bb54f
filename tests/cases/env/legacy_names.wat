;; The builtins answer under the older names too.
;;! config k = "v"
;;! call run "k"
;;! = ok "v"
;;! call get "k"
;;! = ok "2 "
(module
  (import "env" "extism_config_get" (func $config_get (param i64) (result i64)))
  (import "env" "extism_var_get" (func $var_get (param i64) (result i64)))
  (import "env" "extism_var_set" (func $var_set (param i64 i64)))
  (import "env" "extism_http_request" (func (param i64 i64) (result i64)))
  (import "env" "extism_http_status_code" (func (result i32)))
  (import "env" "extism_http_headers" (func (result i64)))
  (import "env" "extism_log_trace" (func (param i64)))
  (import "env" "extism_log_debug" (func (param i64)))
  (import "env" "extism_log_info" (func $info (param i64)))
  (import "env" "extism_log_warn" (func (param i64)))
  (import "env" "extism_log_error" (func (param i64)))
  (import "env" "extism_get_log_level" (func (result i32)))
  (import "env" "extism_input_offset" (func $input_offset (result i64)))
  (import "env" "extism_length" (func $length (param i64) (result i64)))
  ;;% include print
  (func (export "run") (local $value i64)
    (call $info (call $alloc (i64.const 3)))
    (local.set $value (call $config_get (call $input_offset)))
    (call $output_set (local.get $value) (call $length (local.get $value)))
    (call $var_set (call $alloc (i64.const 1)) (call $alloc (i64.const 2))))
  (func (export "get")
    (call $answer (call $length (call $var_get (call $alloc (i64.const 1)))))))
