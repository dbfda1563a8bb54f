;;! load
;;! = error link "module `main` exports `__wasm_call_ctors` as (func (param i32)), expected (func)"
(module (func (export "__wasm_call_ctors") (param i32)))
