;;! load
;;! = error link "module `main` imports `env`::`extism_no_such_function` (func (param i64)): nothing provides it: it is not a module of the manifest, and no host function of that name was given; module `main` imports `env`::`alloc` (func (param i64) (result i64)): nothing provides it: it is not a module of the manifest, and no host function of that name was given"
(module
  (import "env" "extism_no_such_function" (func (param i64)))
  (import "env" "alloc" (func (param i64) (result i64))))
