;; A function with several results, imported from another module.
;;! needs several-results "engine `{engine}` has no imports of functions with more than one result"
;;! call f
;;! = ok "42 "
;;! module lib
(module (func (export "pair") (result i64 i64) (i64.const 40) (i64.const 2)))
;;! module main
(module
  (import "lib" "pair" (func $pair (result i64 i64)))
  ;;% include print
  (func (export "f") (call $answer (i64.add (call $pair)))))
