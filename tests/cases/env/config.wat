;; `config_get`: frees the key; 0 if there is no such key or if its value is empty.
;;! config key = "value"
;;! config empty = ""
;;! config "" = "of the empty key"
;;! config größe = "ja"
;;! call get "key"
;;! = ok "value"
;;! call get "empty"
;;! = error return-code(1) "the guest function returned the error code 1"
;;! call get "absent"
;;! = error return-code(1) "the guest function returned the error code 1"
;;! call get
;;! = ok "of the empty key"
;;! call get "größe"
;;! = ok "ja"
;;! call frees_key "key"
;;! = ok "0 0 "
;;! call bad_handle
;;! = error host-function "`config_get`: the key is not a block of the kernel memory: 1000"
;;! call interior "key"
;;! = error host-function "`config_get`: the key is not a block of the kernel memory: 81"
;;! call get "\xff"
;;! = error host-function "`config_get`: the key is not UTF-8: invalid utf-8 sequence of 1 bytes from index 0"
;;! call get "key"
;;! = ok "value"
(module
  (import "extism:host/env" "config_get" (func $config_get (param i64) (result i64)))
  (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  ;;% include print
  (func (export "get") (result i32)
    (local $value i64)
    (local.set $value (call $config_get (call $input_offset)))
    (call $output_set (local.get $value) (call $length (local.get $value)))
    (i32.eqz (i32.wrap_i64 (local.get $value))))
  (func (export "frees_key")
    (drop (call $config_get (call $input_offset)))
    (call $begin)
    (call $print (call $length (call $input_offset)))
    (call $print (call $input_length))
    (call $done))
  (func (export "bad_handle") (drop (call $config_get (i64.const 1000))))
  (func (export "interior") (drop (call $config_get (i64.add (call $input_offset) (i64.const 1))))))
