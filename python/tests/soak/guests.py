"""The guests of the soak test, in the text format.

`GUEST` works on the host's side of the fence alone, `WASI` has files and sleeps, `HTTP` requests.
Each function does one thing whose outcome can be told beforehand.
"""

#: What all of them share: the kernel, and a number of the input.
KERNEL = """
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "store_u64" (func $store (param i64 i64)))
  (import "extism:host/env" "store_u8" (func $store8 (param i64 i32)))
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "input_length" (func $size (result i64)))
  (import "extism:host/env" "input_load_u64" (func $number (param i64) (result i64)))
  (import "extism:host/env" "input_load_u8" (func $byte (param i64) (result i32)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
"""

#: Traps: the name of the trap and the body that ends in it.
TRAPS = {
    "unreachable": "unreachable",
    "memory-out-of-bounds": "(drop (i32.load (i32.const -1)))",
    "divide-by-zero": "(drop (i32.div_s (i32.const 1) (i32.const 0)))",
    "integer-overflow": "(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))",
    "bad-conversion": "(drop (i32.trunc_f64_s (f64.const nan)))",
    "null-element": "(call_indirect (type $void) (i32.const 1))",
    "bad-signature": "(call_indirect (type $other) (i64.const 1) (i32.const 0))",
    "table-out-of-bounds": "(call_indirect (type $void) (i32.const 99))",
    "stack-overflow": "(call $deep (i64.const 1))",
}

#: Guests that never end by themselves.
ENDLESS = {
    "spin": "(loop $again (br $again))",
    "fill": "(loop $again (memory.fill (i32.const 0) (i32.const 7) (i32.const 65536)) (br $again))",
    "nap": "(loop $again (drop (call $host (i64.const 0))) (br $again))",
    "churn": "(loop $again (call $free (call $alloc (i64.const 5000))) (br $again))",
}


def _functions(bodies: dict[str, str]) -> str:
    return "\n".join(f'(func (export "{name}") {body})' for name, body in bodies.items())


GUEST = f"""(module
  (type $void (func)) (type $other (func (param i64)))
  {KERNEL}
  (import "extism:host/env" "free" (func $free (param i64)))
  (import "extism:host/env" "error_set" (func $error (param i64)))
  (import "extism:host/env" "var_get" (func $var_get (param i64) (result i64)))
  (import "extism:host/env" "var_set" (func $var_set (param i64 i64)))
  (import "extism:host/env" "log_info" (func $log (param i64)))
  (import "extism:host/user" "host" (func $host (param i64) (result i64)))
  (memory (export "memory") 1)
  (table 2 funcref) (elem (i32.const 0) $nothing)
  (global $calls (mut i64) (i64.const 0))
  (func $nothing)
  (func $deep (param i64) (call $deep (i64.add (local.get 0) (i64.const 1))))
  (func $put (param $block i64)
    (call $output (local.get $block) (call $length (local.get $block))))
  (func $answer (param $value i64) (local $block i64)
    (local.set $block (call $alloc (i64.const 8)))
    (call $store (local.get $block) (local.get $value))
    (call $output (local.get $block) (i64.const 8)))
  ;; The block of the text `k`.
  (func $key (result i64) (local $block i64)
    (local.set $block (call $alloc (i64.const 1)))
    (call $store8 (local.get $block) (i32.const 107))
    (local.get $block))

  (func (export "echo") (call $output (call $offset) (call $size)))
  ;; FNV-1a of the input.
  (func (export "hash") (local $at i64) (local $hash i64)
    (local.set $hash (i64.const 0xcbf29ce484222325))
    (block $done (loop $next
      (br_if $done (i64.ge_u (local.get $at) (call $size)))
      (local.set $hash (i64.mul (i64.const 0x100000001b3)
        (i64.xor (local.get $hash) (i64.extend_i32_u (call $byte (local.get $at))))))
      (local.set $at (i64.add (local.get $at) (i64.const 1)))
      (br $next)))
    (call $answer (local.get $hash)))
  ;; How often this instance was called, by a global and by its memory, which must agree.
  (func (export "count")
    (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
    (i64.store (i32.const 64) (i64.add (i64.load (i32.const 64)) (i64.const 1)))
    (if (i64.ne (global.get $calls) (i64.load (i32.const 64))) (then unreachable))
    (call $answer (global.get $calls)))
  ;; As many turns of a loop as the input says.
  (func (export "work") (local $left i64)
    (local.set $left (call $number (i64.const 0)))
    (loop $again
      (local.set $left (i64.sub (local.get $left) (i64.const 1)))
      (br_if $again (i64.gt_s (local.get $left) (i64.const 0))))
    (call $answer (local.get $left)))
  ;; As many bytes as the input says, with the position at each 4096th.
  (func (export "big") (local $block i64) (local $at i64) (local $end i64)
    (local.set $end (call $number (i64.const 0)))
    (local.set $block (call $alloc (local.get $end)))
    (block $done (loop $next
      (br_if $done (i64.gt_u (i64.add (local.get $at) (i64.const 8)) (local.get $end)))
      (call $store (i64.add (local.get $block) (local.get $at)) (local.get $at))
      (local.set $at (i64.add (local.get $at) (i64.const 4096)))
      (br $next)))
    (call $output (local.get $block) (local.get $end)))
  ;; Grows its memory until it is refused, and says how many pages it has.
  (func (export "grow")
    (loop $again (br_if $again (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
    (i32.store8 (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1)) (i32.const 1))
    (call $answer (i64.extend_i32_u (memory.size))))
  (func (export "fail") (result i32) (call $error (call $offset)) (i32.const 1))
  (func (export "code") (result i32) (call $byte (i64.const 0)))
  (func (export "remember") (call $var_set (call $key) (call $offset)))
  (func (export "recall") (call $put (call $var_get (call $key))))
  (func (export "log") (call $log (call $offset)))
  (func (export "through") (call $put (call $host (call $offset))))
  {_functions(TRAPS)}
  {_functions(ENDLESS)})"""

#: The folder is descriptor 3.
WASI = rf"""(module
  {KERNEL}
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pread"
    (func $pread (param i32 i32 i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 4)
  (data (i32.const 0) "f")
  ;; A subscription of the monotonic clock.
  (data (i32.const 80) "\01")
  (func $check (param i32) (if (local.get 0) (then unreachable)))
  ;; The input to 65536, and a vector of it at 16.
  (func $load (local $at i64)
    (block $done (loop $next
      (br_if $done (i64.ge_u (local.get $at) (call $size)))
      (i32.store8 (i32.add (i32.const 65536) (i32.wrap_i64 (local.get $at)))
        (call $byte (local.get $at)))
      (local.set $at (i64.add (local.get $at) (i64.const 1)))
      (br $next)))
    (i32.store (i32.const 16) (i32.const 65536))
    (i32.store (i32.const 20) (i32.wrap_i64 (call $size))))
  ;; So many bytes from there to the output.
  (func $give (param $from i32) (param $size i32) (local $block i64) (local $at i32)
    (local.set $block (call $alloc (i64.extend_i32_u (local.get $size))))
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $at) (local.get $size)))
      (call $store8 (i64.add (local.get $block) (i64.extend_i32_u (local.get $at)))
        (i32.load8_u (i32.add (local.get $from) (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br $next)))
    (call $output (local.get $block) (i64.extend_i32_u (local.get $size))))
  (func (export "print")
    (call $load)
    (call $check (call $write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))
  ;; Writes the input to a file and outputs what it reads from there.
  (func (export "file") (local $file i32)
    (call $load)
    (call $check (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 9)
      (i64.const 66) (i64.const 66) (i32.const 0) (i32.const 24)))
    (local.set $file (i32.load (i32.const 24)))
    (call $check (call $write (local.get $file) (i32.const 16) (i32.const 1) (i32.const 24)))
    (i32.store (i32.const 32) (i32.const 131072))
    (i32.store (i32.const 36) (i32.const 65536))
    (call $check (call $pread (local.get $file) (i32.const 32) (i32.const 1) (i64.const 0)
      (i32.const 24)))
    (call $check (call $close (local.get $file)))
    (call $give (i32.const 131072) (i32.load (i32.const 24))))
  (func (export "random")
    (call $check (call $random (i32.const 131072) (i32.const 32)))
    (call $give (i32.const 131072) (i32.const 32)))
  ;; As many nanoseconds as the input says.
  (func (export "sleep")
    (i64.store (i32.const 88) (call $number (i64.const 0)))
    (call $check (call $poll (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 24))))
  (func (export "exit") (call $exit (call $byte (i64.const 0)))))"""

HTTP = f"""(module
  {KERNEL}
  (import "extism:host/env" "http_request" (func $request (param i64 i64) (result i64)))
  (import "extism:host/env" "http_status_code" (func $status (result i32)))
  ;; Outputs the response.
  (func (export "get") (result i32) (local $block i64)
    (local.set $block (call $request (call $offset) (i64.const 0)))
    (call $output (local.get $block) (call $length (local.get $block)))
    (i32.ne (call $status) (i32.const 200))))"""
