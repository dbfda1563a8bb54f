;; The text does not depend on what the engine has.
;;! load
;;! = error invalid-module "module `main` is not a valid WebAssembly module: type mismatch: expected i64, found i32 (at offset 0x2c)"
(module
  (type $pair (struct (field i32)))
  (func (export "f") (result i64) (struct.get $pair 0 (struct.new $pair (i32.const 1)))))
