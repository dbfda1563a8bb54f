;; A module of that name goes before every host function, but only for what it exports.
;;! function one as f in lib
;;! function two as g in lib
;;! function one as h
;;! call f
;;! = ok "3 2 1 "
;;! module lib
(module (func (export "f") (result i64) (i64.const 3)))
;;! module main
(module
  (import "lib" "f" (func $f (result i64)))
  (import "lib" "g" (func $g (result i64)))
  (import "lib" "h" (func $h (result i64)))
  ;;% include print
  (func (export "f")
    (call $begin)
    (call $print (call $f)) (call $print (call $g)) (call $print (call $h))
    (call $done)))
