;; The limit counts 48 bytes, key and value of each variable; an overwrite counts the new value only.
;;! max-var-bytes 200
;;! call set "\x33"
;;! = ok ""
;;! call set "\x97"
;;! = ok ""
;;! call set "\x98"
;;! = error host-function "`var_set`: the variable store is full: 201 bytes are needed, the limit is 200"
;;! call set "\x97"
;;! = ok ""
;;! call set "\x01"
;;! = ok ""
;;! set-var b = "0123456789" * 10
;;! set-var b = "0123456789" * 5
;;! call delete
;;! = ok ""
;;! set-var b = "0123456789" * 15
(module
  (import "extism:host/env" "var_set" (func $var_set (param i64 i64)))
  (import "extism:host/env" "input_load_u8" (func $input (param i64) (result i32)))
  ;;% include print
  ;; Key of one byte, value of as many bytes as the input says.
  (func $key (result i64) (local $key i64)
    (local.set $key (call $alloc (i64.const 1)))
    (call $store_u8 (local.get $key) (i32.const 97))
    (local.get $key))
  (func (export "set")
    (call $var_set (call $key) (call $alloc (i64.extend_i32_u (call $input (i64.const 0))))))
  (func (export "delete") (call $var_set (call $key) (i64.const 0))))
