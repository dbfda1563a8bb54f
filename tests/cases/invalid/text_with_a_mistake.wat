;;! bytes "(module (func (export \"f\") (i32.addd)))"
;;! load
;;! = error invalid-module "wasm[0] is not valid WebAssembly text: unknown operator or unexpected token at 1:29"
