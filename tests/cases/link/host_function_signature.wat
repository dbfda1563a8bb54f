;;! function add
;;! load
;;! = error link "module `main` imports `extism:host/user`::`add` (func (param i64 i64) (result i32)): what the host provides has the type (func (param i64 i64) (result i64)); module `main` imports `env`::`add` (func (param externref) (result i64)): what the host provides has the type (func (param i64 i64) (result i64)); module `main` imports `other`::`add` (global i64): what the host provides has the type (func (param i64 i64) (result i64))"
(module
  (import "extism:host/user" "add" (func (param i64 i64) (result i32)))
  (import "env" "add" (func (param externref) (result i64)))
  (import "other" "add" (global i64)))
