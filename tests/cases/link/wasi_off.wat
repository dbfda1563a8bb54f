;;! load
;;! = error link "module `main` imports `fd_write`, `proc_exit` from `wasi_snapshot_preview1`: WASI is off for this plug-in; give it the option `wasi`"
(module
  (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func (param i32))))
