;; A pointer outside of the guest's memory ends the call, as the specification of WASI wants it.
;;! wasi
;;! call behind
;;! = error host-function "WASI `random_get`: Pointer out of bounds: Region { start: 65536, len: 1 }"
;;! call across
;;! = error host-function "WASI `random_get`: Pointer out of bounds: Region { start: 65535, len: 2 }"
;;! call overflow
;;! = error host-function "WASI `random_get`: Pointer out of bounds: Region { start: 4294967295, len: 2 }"
;;! call vectors
;;! = error host-function "WASI `fd_write`: Pointer out of bounds: Region { start: 4294967292, len: 4 }"
;;! call descriptor
;;! = ok "8 "
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  ;;% include print
  (memory (export "memory") 1)
  (func $errno (param i32) (call $answer (i64.extend_i32_u (local.get 0))))
  (func (export "behind") (call $errno (call $random (i32.const 65536) (i32.const 1))))
  (func (export "across") (call $errno (call $random (i32.const 65535) (i32.const 2))))
  (func (export "overflow") (call $errno (call $random (i32.const -1) (i32.const 2))))
  (func (export "vectors")
    (call $errno (call $write (i32.const 1) (i32.const -4) (i32.const 1) (i32.const 0))))
  (func (export "descriptor")
    (call $errno (call $write (i32.const 9) (i32.const 0) (i32.const 0) (i32.const 0)))))
