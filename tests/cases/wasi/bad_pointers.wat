;; A pointer outside of the guest's memory never reaches further: errno 21 (fault).
;;! wasi
;;! call f
;;! = error host-function "WASI `random_get`: Pointer out of bounds: Region { start: 65536, len: 1 }"
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  ;;% include print
  (memory (export "memory") 1)
  (func $errno (param i32) (call $print (i64.extend_i32_u (local.get 0))))
  (func (export "f")
    (call $begin)
    (call $errno (call $random (i32.const 65536) (i32.const 1)))
    (call $errno (call $random (i32.const 65535) (i32.const 2)))
    (call $errno (call $random (i32.const -1) (i32.const 2)))
    (call $errno (call $write (i32.const 1) (i32.const -4) (i32.const 1) (i32.const 0)))
    (call $errno (call $write (i32.const 9) (i32.const 0) (i32.const 0) (i32.const 0)))
    (call $done)))
