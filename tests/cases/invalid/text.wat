;;! bytes "hello"
;;! load
;;! = error invalid-module "wasm[0] is not valid WebAssembly text: expected `(`\n     --> <anon>:1:1\n      |\n    1 | hello\n      | ^"
