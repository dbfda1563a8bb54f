(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_load_u64" (func $input_u64 (param i64) (result i64)))
  (import "extism:host/env" "store_u64" (func $store (param i64 i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  ;; IMPORTS
  (memory (export "memory") 4)
  (func $arg (param $n i32) (result i64)
    (call $input_u64 (i64.extend_i32_u (i32.shl (local.get $n) (i32.const 3)))))
  ;; Clears the memory for results and fills what is above with the bytes of the input.
  (func $begin (local $i i64) (local $end i64)
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 4096))
    (local.set $i (i64.const 80))
    (local.set $end (call $input_length))
    (block $done
      (loop $next
        (br_if $done (i64.ge_u (local.get $i) (local.get $end)))
        (i64.store offset=4016
          (i32.wrap_i64 (local.get $i)) (call $input_u64 (local.get $i)))
        (local.set $i (i64.add (local.get $i) (i64.const 8)))
        (br $next))))
  ;; Outputs errno, number of calls and the memory for results.
  (func $end (param $errno i32) (param $n i64) (local $block i64) (local $i i64)
    (local.set $block (call $alloc (i64.const 4104)))
    (call $store (local.get $block)
      (i64.or (i64.extend_i32_u (local.get $errno)) (i64.shl (local.get $n) (i64.const 32))))
    (loop $next
      (call $store
        (i64.add (i64.add (local.get $block) (i64.const 8)) (local.get $i))
        (i64.load (i32.wrap_i64 (local.get $i))))
      (local.set $i (i64.add (local.get $i) (i64.const 8)))
      (br_if $next (i64.lt_u (local.get $i) (i64.const 4096))))
    (call $output (local.get $block) (i64.const 4104)))
  ;; Opens "a" of the folder 3 and puts it in the place of the first one, argument 9 times.
  (func (export "renumber") (local $n i64) (local $first i32) (local $errno i32)
    (call $begin)
    (i32.store8 (i32.const 64) (i32.const 97))
    (call $open_a)
    (local.set $first (i32.load (i32.const 0)))
    (loop $again
      (call $open_a)
      (local.set $errno (call $fd_renumber (i32.load (i32.const 0)) (local.get $first)))
      (local.set $n (i64.add (local.get $n) (i64.const 1)))
      (br_if $again (i32.and (i32.eqz (local.get $errno))
        (i64.lt_u (local.get $n) (call $arg (i32.const 9))))))
    (call $end (local.get $errno) (local.get $n)))
  (func $open_a
    (if (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 0)
          (i64.const 2) (i64.const 2) (i32.const 0) (i32.const 0))
      (then unreachable)))
  ;; BODIES
)
