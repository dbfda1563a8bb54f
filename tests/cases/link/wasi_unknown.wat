;; A host function does not stand in for WASI unless it is bound to that namespace.
;;! wasi
;;! function nothing as no_such_call
;;! load
;;! = error link "module `main` imports `wasi_snapshot_preview1`::`no_such_call` (func): WASI preview 1 has no function `no_such_call`"
(module
  (import "wasi_snapshot_preview1" "no_such_call" (func)))
