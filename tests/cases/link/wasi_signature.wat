;;! wasi
;;! load
;;! = error link "module `main` imports `wasi_snapshot_preview1`::`fd_write` (func (param i32 i32 i32) (result i32)): what the host provides has the type (func (param i32 i32 i32 i32) (result i32)); module `main` imports `wasi_snapshot_preview1`::`proc_exit` (func (param i32) (result i32)): what the host provides has the type (func (param i32))"
(module
  (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func (param i32) (result i32))))
