;; Host functions see the memory of the command that calls them, as that call has it.
;;! function sum
;;! call run
;;! = ok "30 39 30 "
;;! module lib
(module
  (import "env" "sum" (func $sum (param i32 i32) (result i64)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\0a\14")
  (func (export "_start"))
  (func (export "sum") (result i64) (call $sum (i32.const 0) (i32.const 9)))
  (func (export "spoil") (result i64)
    (i32.store8 (i32.const 5) (i32.const 9))
    (call $sum (i32.const 0) (i32.const 9))))
;;! module main
(module
  (import "lib" "sum" (func $sum (result i64)))
  (import "lib" "spoil" (func $spoil (result i64)))
  ;;% include print
  (func (export "run")
    (call $begin)
    (call $print (call $sum)) (call $print (call $spoil)) (call $print (call $sum))
    (call $done)))
