;;! function one in example
;;! load
;;! = error link "module `main` imports `other`::`one` (func (result i64)): the host function of that name answers the namespace `example` only; give it the namespace `other`; module `main` imports `extism:host/user`::`one` (func (result i64)): the host function of that name answers the namespace `example` only; give it the namespace `extism:host/user`; module `main` imports `env`::`one` (func (result i64)): the host function of that name answers the namespace `example` only; give it the namespace `env`"
(module
  (import "example" "one" (func (result i64)))
  (import "other" "one" (func (result i64)))
  (import "extism:host/user" "one" (func (result i64)))
  (import "env" "one" (func (result i64))))
