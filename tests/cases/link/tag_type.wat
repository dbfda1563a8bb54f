;;! needs exceptions "engine `{engine}` has no exceptions, which module `lib` needs"
;;! load
;;! = error link "module `main` imports `lib`::`tag` (tag (param i32)): that module exports it as (tag (param i64))"
;;! module lib
(module (tag (export "tag") (param i64)))
;;! module main
(module (import "lib" "tag" (tag (param i32))) (func (export "f")))
