;;! bytes ""
;;! load
;;! = error invalid-module "wasm[0] is not valid WebAssembly text: expected at least one module field\n     --> <anon>:1:1\n      |\n    1 | \n      | ^"
