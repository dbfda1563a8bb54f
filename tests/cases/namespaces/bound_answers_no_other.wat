;;! function one in example
;;! load
;;! = error link "module `main` imports `other`::`one` (func (result i64)): nothing provides it: it is not a module of the manifest, and no host function of that name was given; module `main` imports `extism:host/user`::`one` (func (result i64)): nothing provides it: it is not a module of the manifest, and no host function of that name was given; module `main` imports `env`::`one` (func (result i64)): nothing provides it: it is not a module of the manifest, and no host function of that name was given"
(module
  (import "example" "one" (func (result i64)))
  (import "other" "one" (func (result i64)))
  (import "extism:host/user" "one" (func (result i64)))
  (import "env" "one" (func (result i64))))
