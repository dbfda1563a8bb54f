;; Everything that is missing is named at once.
;;! load
;;! = error link "module `main` imports `a`::`f` (func): nothing provides it: it is not a module of the manifest, and no host function of that name was given; module `main` imports `a`::`g` (global (mut i64)): nothing provides it: it is not a module of the manifest, and no host function of that name was given; module `main` imports `b`::`m` (memory 1 2): nothing provides it: it is not a module of the manifest, and no host function of that name was given; module `main` imports `b`::`t` (table 3 funcref): nothing provides it: it is not a module of the manifest, and no host function of that name was given; module `main` imports `extism:host/user`::`hello` (func (param i64) (result i64)): nothing provides it: it is not a module of the manifest, and no host function of that name was given"
(module
  (import "a" "f" (func))
  (import "a" "g" (global (mut i64)))
  (import "b" "m" (memory 1 2))
  (import "b" "t" (table 3 funcref))
  (import "extism:host/env" "alloc" (func (param i64) (result i64)))
  (import "extism:host/user" "hello" (func (param i64) (result i64)))
  (func (export "f")))
