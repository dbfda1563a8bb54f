;;! load
;;! = error link "modules import each other: `a` imports `b` imports `main` imports `a`"
;;! module a
(module (import "b" "f" (func)) (func (export "g")))
;;! module b
(module (import "main" "h" (func)) (func (export "f")))
;;! module main
(module (import "a" "g" (func)) (func (export "h")))
