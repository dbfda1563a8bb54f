;;! load
;;! = error unsupported "engine `wasmtime` has no exceptions, which module `main` needs"
(module (tag) (func (throw 0)))
