;; Builtins free the blocks that they are given; what is the output, the error text or the input stays readable.
;;! config k = "v"
;;! call output_logged "a text for the host"
;;! = ok "a text for the host"
;;! call output_to_variable "a text for the host"
;;! = ok "a text for the host"
;;! call output_to_config "a text for the host"
;;! = ok "a text for the host"
;;! call output_to_variable_get "a text for the host"
;;! = ok "a text for the host"
;;! call error_logged "a text for the host"
;;! = error guest(code 1) "a text for the host"
;;! call legacy_error "a text for the host"
;;! = error guest(code 1) "a text for the host"
;;! call input_logged "k"
;;! = ok "0 0 107 0 "
(module
  (import "extism:host/env" "log_info" (func $log (param i64)))
  (import "extism:host/env" "var_set" (func $var_set (param i64 i64)))
  (import "extism:host/env" "var_get" (func $var_get (param i64) (result i64)))
  (import "extism:host/env" "config_get" (func $config_get (param i64) (result i64)))
  (import "extism:host/env" "input_offset" (func $input (result i64)))
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_load_u8" (func $input_load (param i64) (result i32)))
  (import "extism:host/env" "load_u8" (func $load (param i64) (result i32)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "error_set" (func $error_set (param i64)))
  (import "env" "extism_error_set" (func $legacy_error_set (param i64)))
  (import "env" "extism_free" (func $legacy_free (param i64)))
  (import "env" "extism_log_error" (func $legacy_log (param i64)))
  ;;% include print
  (func $give (result i64)
    (call $output_set (call $input) (call $input_length))
    (call $input))
  (func (export "output_logged") (call $log (call $give)))
  (func (export "output_to_variable") (call $var_set (call $alloc (i64.const 1)) (call $give)))
  (func (export "output_to_config") (drop (call $config_get (call $give))))
  (func (export "output_to_variable_get") (drop (call $var_get (call $give))))
  (func (export "error_logged") (result i32)
    (call $error_set (call $input))
    (call $log (call $input))
    (i32.const 1))
  (func (export "legacy_error") (result i32)
    (call $legacy_error_set (call $input))
    (call $legacy_log (call $input))
    (call $legacy_free (call $input))
    (i32.const 1))
  (func (export "input_logged") (local $p i64)
    (local.set $p (call $input))
    (call $log (local.get $p))
    (call $begin)
    (call $print (call $input_length))
    (call $print (i64.extend_i32_u (call $input_load (i64.const 0))))
    (call $print (i64.extend_i32_u (call $load (local.get $p))))
    (call $print (call $length (local.get $p)))
    (call $done)))
