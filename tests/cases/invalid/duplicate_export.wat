;;! load
;;! = error invalid-module "module `main` is not a valid WebAssembly module: duplicate export name `f` already defined (at offset 0x1a)"
(module (func (export "f")) (func (export "f")))
