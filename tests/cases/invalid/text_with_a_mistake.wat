;;! bytes "(module (func (export \"f\") (i32.addd)))"
;;! load
;;! = error invalid-module "wasm[0] is not valid WebAssembly text: unknown operator or unexpected token\n     --> <anon>:1:29\n      |\n    1 | (module (func (export \"f\") (i32.addd)))\n      |                             ^"
