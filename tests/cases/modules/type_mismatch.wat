;; Both types are named.
;;! load
;;! = error link "module `main` imports `lib`::`f` (func (param i32) (result i32)): that module exports it as (func (param i32) (result i64)); module `main` imports `lib`::`f` (memory 1): that module exports it as (func (param i32) (result i64)); module `main` imports `lib`::`mutable` (global i32): that module exports it as (global (mut i32)); module `main` imports `lib`::`constant` (global (mut i32)): that module exports it as (global i32); module `main` imports `lib`::`constant` (global i64): that module exports it as (global i32); module `main` imports `lib`::`small` (memory 2): that module exports it as (memory 1); module `main` imports `lib`::`small` (memory 1 9): that module exports it as (memory 1); module `main` imports `lib`::`bounded` (memory 1 8): that module exports it as (memory 1 9); module `main` imports `lib`::`bounded` (func): that module exports it as (memory 1 9); module `main` imports `lib`::`table` (table 1 5 funcref): that module exports it as (table 1 5 externref); module `main` imports `lib`::`table` (table 2 externref): that module exports it as (table 1 5 externref); module `main` imports `lib`::`table` (table 1 4 externref): that module exports it as (table 1 5 externref)"
;;! module lib
(module
  (func (export "f") (param i32) (result i64) (i64.const 0))
  (global (export "mutable") (mut i32) (i32.const 0))
  (global (export "constant") i32 (i32.const 0))
  (memory (export "small") 1)
  (memory (export "bounded") 1 9)
  (table (export "table") 1 5 externref))
;;! module main
(module
  (import "lib" "f" (func (param i32) (result i32)))
  (import "lib" "f" (memory 1))
  (import "lib" "mutable" (global i32))
  (import "lib" "constant" (global (mut i32)))
  (import "lib" "constant" (global i64))
  (import "lib" "small" (memory 2))
  (import "lib" "small" (memory 1 9))
  (import "lib" "bounded" (memory 1 8))
  (import "lib" "bounded" (func))
  (import "lib" "table" (table 1 5 funcref))
  (import "lib" "table" (table 2 externref))
  (import "lib" "table" (table 1 4 externref)))
