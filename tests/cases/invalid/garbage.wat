;;! bytes "\x7fELF\x02\x01\x01\x00"
;;! load
;;! = error invalid-module "wasm[0] is not valid WebAssembly text: unexpected character '\\u{7f}'\n     --> <anon>:1:1\n      |\n    1 | \x7fELF\x02\x01\x01\x00\n      | ^"
