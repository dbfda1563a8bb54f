;; The tables of a library that starts afresh on each call are limited as well.
;;! module lib
(module
  (table $t 10 funcref)
  (func (export "_start"))
  (func (export "grow") (param i32) (result i32) (table.grow $t (ref.null func) (local.get 0))))
;;! module main
(module
  (import "lib" "grow" (func $grow (param i32) (result i32)))
  (func (export "most") (result i32) (i32.sub (call $grow (i32.const 999990)) (i32.const 10)))
  (func (export "more") (result i32) (call $grow (i32.const 999991))))
;;! call more
;;! = error return-code(-1) "the guest function returned the error code -1"
;;! call most
;;! = ok ""
;;! call more
;;! = error return-code(-1) "the guest function returned the error code -1"
;;! call most
;;! = ok ""
