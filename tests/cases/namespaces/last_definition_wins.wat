;;! function one as f
;;! function two as f
;;! function two as g in example
;;! function one as g in example
;;! call f
;;! = ok "2 1 "
(module
  (import "env" "f" (func $f (result i64)))
  (import "example" "g" (func $g (result i64)))
  ;;% include print
  (func (export "f") (call $begin) (call $print (call $f)) (call $print (call $g)) (call $done)))
