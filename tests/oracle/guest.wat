;; The guest of the kernel's oracle: runs a program of operations and keeps what each returned.
;;
;; `record.py` runs it on the official runtime and `oracle.rs` on ours, so it imports nothing but what both have. `load`
;; takes the program from the input, `run` executes it, `results` outputs what the operations returned, which are three
;; calls, and `text` is an operation of its own: a block that holds one of the texts below.
;;
;; A program is its return code in 8 bytes, then records of 24 bytes:
;;    0 u8  operation     position in $operations
;;    2 u16 register      of the first operand: position of an earlier record, 0xffff none
;;    4 u16 register      of the second operand
;;    8 i64 addend        of the first operand
;;   16 i64 addend        of the second operand
;; Results lie at 0x8000, 8 bytes for each record that was executed, whose number is at 0.
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "free" (func $free (param i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "length_unsafe" (func $length_unsafe (param i64) (result i64)))
  (import "extism:host/env" "load_u8" (func $load_u8 (param i64) (result i32)))
  (import "extism:host/env" "load_u64" (func $load_u64 (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
  (import "extism:host/env" "store_u64" (func $store_u64 (param i64 i64)))
  (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_load_u8" (func $input_load_u8 (param i64) (result i32)))
  (import "extism:host/env" "input_load_u64" (func $input_load_u64 (param i64) (result i64)))
  (import "extism:host/env" "input_set" (func $input_set (param i64 i64)))
  (import "extism:host/env" "output_set" (func $output_set (param i64 i64)))
  (import "extism:host/env" "output_offset" (func $output_offset (result i64)))
  (import "extism:host/env" "output_length" (func $output_length (result i64)))
  (import "extism:host/env" "error_set" (func $error_set (param i64)))
  (import "extism:host/env" "error_get" (func $error_get (result i64)))
  (import "extism:host/env" "config_get" (func $config_get (param i64) (result i64)))
  (import "extism:host/env" "var_get" (func $var_get (param i64) (result i64)))
  (import "extism:host/env" "var_set" (func $var_set (param i64 i64)))
  (import "extism:host/env" "log_info" (func $log_info (param i64)))
  (import "extism:host/env" "log_error" (func $log_error (param i64)))
  (import "extism:host/env" "memory_bytes" (func $memory_bytes (result i64)))
  (memory (export "memory") 1)
  (type $operation (func (param i64 i64) (result i64)))
  ;; Each text has 16 bytes: its length, then its bytes.
  (data (i32.const 64) "\03key") (data (i32.const 80) "\05empty") (data (i32.const 96) "\06absent")
  (data (i32.const 112) "\02\c3\a9") (data (i32.const 128) "\0c0123456789ab")

  (func $do_alloc (type $operation) (call $alloc (local.get 0)))
  (func $do_free (type $operation) (call $free (local.get 0)) (i64.const 0))
  (func $do_length (type $operation) (call $length (local.get 0)))
  (func $do_length_unsafe (type $operation) (call $length_unsafe (local.get 0)))
  (func $do_load_u8 (type $operation) (i64.extend_i32_u (call $load_u8 (local.get 0))))
  (func $do_load_u64 (type $operation) (call $load_u64 (local.get 0)))
  (func $do_store_u8 (type $operation) (call $store_u8 (local.get 0) (i32.wrap_i64 (local.get 1))) (i64.const 0))
  (func $do_store_u64 (type $operation) (call $store_u64 (local.get 0) (local.get 1)) (i64.const 0))
  (func $do_input_offset (type $operation) (call $input_offset))
  (func $do_input_length (type $operation) (call $input_length))
  (func $do_input_load_u8 (type $operation) (i64.extend_i32_u (call $input_load_u8 (local.get 0))))
  (func $do_input_load_u64 (type $operation) (call $input_load_u64 (local.get 0)))
  (func $do_input_set (type $operation) (call $input_set (local.get 0) (local.get 1)) (i64.const 0))
  (func $do_output_set (type $operation) (call $output_set (local.get 0) (local.get 1)) (i64.const 0))
  (func $do_output_offset (type $operation) (call $output_offset))
  (func $do_output_length (type $operation) (call $output_length))
  (func $do_error_set (type $operation) (call $error_set (local.get 0)) (i64.const 0))
  (func $do_error_get (type $operation) (call $error_get))
  (func $do_config_get (type $operation) (call $config_get (local.get 0)))
  (func $do_var_get (type $operation) (call $var_get (local.get 0)))
  (func $do_var_set (type $operation) (call $var_set (local.get 0) (local.get 1)) (i64.const 0))
  (func $do_log_info (type $operation) (call $log_info (local.get 0)) (i64.const 0))
  (func $do_log_error (type $operation) (call $log_error (local.get 0)) (i64.const 0))
  (func $do_memory_bytes (type $operation) (call $memory_bytes))
  (func $do_text (type $operation) (local $at i32) (local $end i32) (local $block i64) (local $to i64)
    (local.set $at (i32.add (i32.const 64) (i32.shl (i32.wrap_i64 (local.get 0)) (i32.const 4))))
    (local.set $end (i32.add (i32.add (local.get $at) (i32.const 1)) (i32.load8_u (local.get $at))))
    (local.set $block (call $alloc (i64.load8_u (local.get $at))))
    (local.set $to (local.get $block))
    (loop $next
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (call $store_u8 (local.get $to) (i32.load8_u (local.get $at)))
      (local.set $to (i64.add (local.get $to) (i64.const 1)))
      (br_if $next (i32.lt_u (i32.add (local.get $at) (i32.const 1)) (local.get $end))))
    (local.get $block))
  (table funcref (elem $do_alloc $do_free $do_length $do_length_unsafe $do_load_u8 $do_load_u64 $do_store_u8 $do_store_u64 $do_input_offset $do_input_length $do_input_load_u8 $do_input_load_u64 $do_input_set $do_output_set $do_output_offset $do_output_length $do_error_set $do_error_get $do_config_get $do_var_get $do_var_set $do_log_info $do_log_error $do_memory_bytes $do_text))

  (global $records (mut i32) (i32.const 0))
  (global $code (mut i32) (i32.const 0))

  (func $operand (param $register i32) (param $addend i64) (result i64)
    (i64.add
      (local.get $addend)
      (if (result i64) (i32.eq (local.get $register) (i32.const 0xffff))
        (then (i64.const 0))
        (else (i64.load offset=0x8000 (i32.shl (local.get $register) (i32.const 3)))))))

  (func (export "load") (local $at i64)
    (global.set $code (i32.wrap_i64 (call $input_load_u64 (i64.const 0))))
    (global.set $records (i32.const 0))
    (local.set $at (i64.const 8))
    (loop $next
      (if (i64.lt_u (local.get $at) (call $input_length))
        (then
          (i64.store offset=0x1000 (i32.wrap_i64 (i64.sub (local.get $at) (i64.const 8)))
            (call $input_load_u64 (local.get $at)))
          (local.set $at (i64.add (local.get $at) (i64.const 8)))
          (br $next))))
    (global.set $records
      (i32.wrap_i64 (i64.div_u (i64.sub (call $input_length) (i64.const 8)) (i64.const 24))))
    (i32.store (i32.const 0) (i32.const 0)))

  (func (export "run") (result i32) (local $record i32) (local $at i32)
    (loop $next
      (if (i32.lt_u (local.get $record) (global.get $records))
        (then
          (local.set $at (i32.mul (local.get $record) (i32.const 24)))
          (i64.store offset=0x8000 (i32.shl (local.get $record) (i32.const 3))
            (call_indirect (type $operation)
              (call $operand
                (i32.load16_u offset=0x1002 (local.get $at)) (i64.load offset=0x1008 (local.get $at)))
              (call $operand
                (i32.load16_u offset=0x1004 (local.get $at)) (i64.load offset=0x1010 (local.get $at)))
              (i32.load8_u offset=0x1000 (local.get $at))))
          (local.set $record (i32.add (local.get $record) (i32.const 1)))
          (i32.store (i32.const 0) (local.get $record))
          (br $next))))
    (global.get $code))

  (func (export "results") (local $record i32) (local $block i64) (local $length i64)
    (local.set $length (i64.shl (i64.load32_u (i32.const 0)) (i64.const 3)))
    (local.set $block (call $alloc (local.get $length)))
    (loop $next
      (if (i32.lt_u (local.get $record) (i32.load (i32.const 0)))
        (then
          (call $store_u64
            (i64.add (local.get $block) (i64.shl (i64.extend_i32_u (local.get $record)) (i64.const 3)))
            (i64.load offset=0x8000 (i32.shl (local.get $record) (i32.const 3))))
          (local.set $record (i32.add (local.get $record) (i32.const 1)))
          (br $next))))
    (call $output_set (local.get $block) (local.get $length))))
