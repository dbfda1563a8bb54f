;;! load
;;! = error link "module `main` imports `extism:host/env`::`alloc` (func (param i32) (result i32)): what the host provides has the type (func (param i64) (result i64)); module `main` imports `extism:host/env`::`free` (func (param i64) (result i64)): what the host provides has the type (func (param i64)); module `main` imports `env`::`extism_store_u8` (func (param i64 i64)): what the host provides has the type (func (param i64 i32))"
(module
  (import "extism:host/env" "alloc" (func (param i32) (result i32)))
  (import "extism:host/env" "free" (func (param i64) (result i64)))
  (import "env" "extism_store_u8" (func (param i64 i64))))
