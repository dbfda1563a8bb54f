;;! load
;;! = error link "module `main` imports `extism:host/env`::`config_get` (func (param i64)): what the host provides has the type (func (param i64) (result i64)); module `main` imports `env`::`extism_log_info` (func (param i32)): what the host provides has the type (func (param i64))"
(module
  (import "extism:host/env" "config_get" (func (param i64)))
  (import "env" "extism_log_info" (func (param i32))))
