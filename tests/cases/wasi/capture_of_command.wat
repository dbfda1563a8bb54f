;; Each call of a command starts with its input and with no output.
;;! wasi capture 1000
;;! wasi stdin "input\n"
;;! call _start
;;! = ok ""
;;! stdout
;;! = ok "input\n"
;;! call _start
;;! = ok ""
;;! stdout
;;! = ok "input\n"
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\64\00\00\00")
  (func (export "_start")
    (if (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 4)) (then unreachable))
    (if (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))))
