;;! wasi
;;! load
;;! = error link "module `main` imports `wasi_unstable`::`fd_write` (func (param i32 i32 i32 i32) (result i32)): nothing provides it: it is not a module of the manifest, and no host function of that name was given"
(module
  (import "wasi_unstable" "fd_write" (func (param i32 i32 i32 i32) (result i32))))
