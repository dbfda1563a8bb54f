;; A pointer outside of the memory is a trap, as the specification of WASI wants it; so is one that is
;; not aligned. An error text that the guest has set comes first, as with every trap.
;;! wasi
;;! call behind
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access by WASI `random_get`"
;;! call across
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access by WASI `random_get`"
;;! call overflow
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access by WASI `random_get`"
;;! call vectors
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access by WASI `fd_write`"
;;! call unaligned
;;! = error trap(other) "the guest trapped: unaligned memory access by WASI `fd_write`"
;;! call result
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access by WASI `args_sizes_get`"
;;! call opened
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access by WASI `path_open`"
;;! call with_text
;;! = error guest "boom"
;;! call descriptor
;;! = ok "8 "
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "extism:host/env" "error_set" (func $error_set (param i64)))
  ;;% include print
  ;;% include fail
  (memory (export "memory") 1)
  (func $errno (param i32) (call $answer (i64.extend_i32_u (local.get 0))))
  (func (export "behind") (call $errno (call $random (i32.const 65536) (i32.const 1))))
  (func (export "across") (call $errno (call $random (i32.const 65535) (i32.const 2))))
  (func (export "overflow") (call $errno (call $random (i32.const -1) (i32.const 2))))
  (func (export "vectors")
    (call $errno (call $write (i32.const 1) (i32.const -4) (i32.const 1) (i32.const 0))))
  (func (export "unaligned")
    (call $errno (call $write (i32.const 1) (i32.const 1) (i32.const 1) (i32.const 0))))
  (func (export "result")
    (call $errno (call $sizes (i32.const 0) (i32.const 65533))))
  (func (export "opened")
    (call $errno (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0)
      (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 65536))))
  (func (export "with_text")
    (call $boom)
    (call $errno (call $random (i32.const 65536) (i32.const 1))))
  (func (export "descriptor")
    (call $errno (call $write (i32.const 9) (i32.const 0) (i32.const 0) (i32.const 0)))))
