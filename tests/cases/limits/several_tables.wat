;; What is left after the start is shared equally by the tables that can grow, of all modules. A table that
;; is imported grows as that of the module that has it.
;;! module lib
(module
  (table (export "t") 10 9000000 funcref)
  (table $small 10 20 funcref)
  (func (export "small") (result i32) (table.grow $small (ref.null func) (i32.const 11))))
;;! module main
(module
  (import "lib" "t" (table $lib 5 9000000 funcref))
  (import "lib" "small" (func $small (result i32)))
  (table $own 10 funcref)
  (func (export "lib_all") (result i32)
    (i32.sub (table.grow $lib (ref.null func) (i32.const 333323)) (i32.const 10)))
  (func (export "lib_more") (result i32) (table.grow $lib (ref.null func) (i32.const 1)))
  (func (export "own_all") (result i32)
    (i32.sub (table.grow $own (ref.null func) (i32.const 333323)) (i32.const 10)))
  (func (export "own_more") (result i32) (table.grow $own (ref.null func) (i32.const 1)))
  (func (export "small") (result i32) (call $small)))
;;! call lib_all
;;! = ok ""
;;! call lib_more
;;! = error return-code(-1) "the guest function returned the error code -1"
;;! call own_all
;;! = ok ""
;;! call own_more
;;! = error return-code(-1) "the guest function returned the error code -1"
;;! call small
;;! = error return-code(-1) "the guest function returned the error code -1"
