;; Tool chains may declare an import more than once.
;;! function one
;;! call f
;;! = ok "2 "
(module
  (import "extism:host/user" "one" (func $a (result i64)))
  (import "extism:host/user" "one" (func $b (result i64)))
  (import "extism:host/env" "alloc" (func (param i64) (result i64)))
  ;;% include print
  (func (export "f") (call $answer (i64.add (call $a) (call $b)))))
