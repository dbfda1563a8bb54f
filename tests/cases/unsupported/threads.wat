;;! load
;;! = error unsupported "engine `wasmtime` has no threads, which module `main` needs"
(module (memory 1 1 shared))
