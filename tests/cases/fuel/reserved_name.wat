;; The names by which modules share their fuel are the host's, whether there is any or not.
;;! load
;;! = error invalid-module "module `main` is not a valid WebAssembly module: the export name `polyextism:settle` is reserved"
(module (func (export "polyextism:settle")))
