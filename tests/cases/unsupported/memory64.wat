;;! load
;;! = error unsupported "engine `wasmtime` has no memory64, which module `main` needs"
(module (memory i64 1))
