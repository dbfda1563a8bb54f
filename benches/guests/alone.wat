;; The kernel of Extism for engines alone, as plain as it can be: a memory with the input, and blocks behind it.
;;
;; `begin` makes room for an input and forgets everything else; the host writes it to `$first`. Before each block
;; lies its length. There are no variables and no configuration, nothing is freed, and offsets are trusted.
(module
  (memory (export "memory") 16)
  (global $first i32 (i32.const 16))
  (global $input (mut i64) (i64.const 0))
  (global $top (mut i32) (i32.const 0))
  (global $output (mut i64) (i64.const 0))
  (global $output_size (mut i64) (i64.const 0))

  (func (export "begin") (param $length i64) (result i64)
    (global.set $input (local.get $length))
    (global.set $output_size (i64.const 0))
    (global.set $top (global.get $first))
    (drop (call $alloc (local.get $length)))
    (i64.extend_i32_u (i32.add (global.get $first) (i32.const 8))))
  (func (export "output_offset") (result i64) (global.get $output))
  (func (export "output_length") (result i64) (global.get $output_size))

  (func $alloc (export "alloc") (param $length i64) (result i64) (local $at i32)
    (local.set $at (global.get $top))
    (global.set $top
      (i32.add (local.get $at)
        (i32.and (i32.add (i32.wrap_i64 (local.get $length)) (i32.const 15)) (i32.const -8))))
    (block $fits
      (br_if $fits (i32.le_u (global.get $top) (i32.shl (memory.size) (i32.const 16))))
      (drop (memory.grow
        (i32.add (i32.shr_u (i32.wrap_i64 (local.get $length)) (i32.const 16)) (i32.const 1)))))
    (i64.store (local.get $at) (local.get $length))
    (i64.extend_i32_u (i32.add (local.get $at) (i32.const 8))))
  (func (export "free") (param i64))
  (func (export "length") (param $at i64) (result i64)
    (if (result i64) (i64.eqz (local.get $at))
      (then (i64.const 0))
      (else (i64.load (i32.sub (i32.wrap_i64 (local.get $at)) (i32.const 8))))))
  (func (export "load_u8") (param $at i64) (result i32) (i32.load8_u (i32.wrap_i64 (local.get $at))))
  (func (export "load_u64") (param $at i64) (result i64) (i64.load (i32.wrap_i64 (local.get $at))))
  (func (export "store_u8") (param $at i64) (param i32)
    (i32.store8 (i32.wrap_i64 (local.get $at)) (local.get 1)))
  (func (export "store_u64") (param $at i64) (param i64)
    (i64.store (i32.wrap_i64 (local.get $at)) (local.get 1)))

  (func (export "input_length") (result i64) (global.get $input))
  (func (export "input_load_u8") (param $at i64) (result i32)
    (i32.load8_u offset=24 (i32.wrap_i64 (local.get $at))))
  (func (export "input_load_u64") (param $at i64) (result i64)
    (i64.load offset=24 (i32.wrap_i64 (local.get $at))))
  (func (export "output_set") (param $at i64) (param $length i64)
    (global.set $output (local.get $at))
    (global.set $output_size (local.get $length)))
  (func (export "error_set") (param i64) unreachable)

  (func (export "config_get") (param i64) (result i64) (i64.const 0))
  (func (export "var_get") (param i64) (result i64) (i64.const 0))
  (func (export "var_set") (param i64 i64)))
