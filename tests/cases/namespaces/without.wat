;; A host function without a namespace answers the default one, `env`, and any other.
;;! function one
;;! call f
;;! = ok "1 1 1 1 "
(module
  (import "extism:host/user" "one" (func $user (result i64)))
  (import "env" "one" (func $env (result i64)))
  (import "example" "one" (func $example (result i64)))
  (import "" "one" (func $empty (result i64)))
  ;;% include print
  (func (export "f")
    (call $begin)
    (call $print (call $user)) (call $print (call $env))
    (call $print (call $example)) (call $print (call $empty))
    (call $done)))
