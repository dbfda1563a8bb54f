;; The export name that a start section gets cannot be called, and cannot be taken.
;;! load
;;! = error invalid-module "module `main` is not a valid WebAssembly module: the export name `polyextism:start` is reserved"
(module
  (func $start)
  (start $start)
  (func (export "polyextism:start")))
