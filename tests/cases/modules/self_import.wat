;;! load
;;! = error link "modules import each other: `main` imports `main`"
(module (import "main" "f" (func)) (func (export "f")))
