;;! load
;;! = error link "module `main` exports `_initialize` as (func (result i32)), expected (func)"
(module (func (export "_initialize") (result i32) (i32.const 0)))
