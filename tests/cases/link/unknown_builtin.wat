;;! function one as no_such_function
;;! load
;;! = error link "module `main` imports `extism:host/env`::`no_such_function` (func (result i64)): the host has no function of that name"
(module
  (import "extism:host/env" "no_such_function" (func (result i64))))
