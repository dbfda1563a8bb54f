;; A module named like WASI, or like the kernel's namespace, replaces single functions of them.
;;! wasi
;;! call f
;;! = ok "77 88 "
;;! module wasi_snapshot_preview1
(module (func (export "sched_yield") (result i32) (i32.const 77)))
;;! module extism:host/env
(module (func (export "memory_bytes") (result i64) (i64.const 88)))
;;! module main
(module
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
  (import "extism:host/env" "memory_bytes" (func $bytes (result i64)))
  ;;% include print
  (func (export "f")
    (call $begin)
    (call $print (i64.extend_i32_u (call $yield)))
    (call $print (call $bytes))
    (call $done)))
