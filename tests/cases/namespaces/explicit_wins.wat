;; A function that is bound to the namespace goes before one that is bound to none.
;;! function two as f in example
;;! function one as f
;;! call f
;;! = ok "1 2 "
(module
  (import "extism:host/user" "f" (func $user (result i64)))
  (import "example" "f" (func $example (result i64)))
  ;;% include print
  (func (export "f")
    (call $begin) (call $print (call $user)) (call $print (call $example)) (call $done)))
