;; A tail call of a kernel function returns what it returns.
;;! needs tail-calls "engine `{engine}` has no tail calls, which module `main` needs"
;;! call f
;;! = ok "6 0 "
(module
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "input_load_u64" (func $input (param i64) (result i64)))
  ;;% include print
  (func $measure (param i64) (result i64) (return_call $length (local.get 0)))
  (func $read (param i64) (result i64) (return_call $input (local.get 0)))
  (func (export "f")
    (call $begin)
    (call $print (call $measure (call $alloc (i64.const 6))))
    (call $print (call $read (i64.const -8)))
    (call $done)))
