;; The same in `__wasm_call_ctors`, and in the `_initialize` of a library.
;;! wasi
;;! function count
;;! module lib
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "env" "count" (func $count (result i64)))
  (func (export "_initialize")
    (call $exit (i64.eq (call $count) (i64.const 1))) unreachable)
  (func (export "g")))
;;! module main
;;! call f
;;! = error exit(1) "the guest exited with the code 1"
;;! call f
;;! = error exit(2) "the guest exited with the code 2"
;;! call f
;;! = ok "6 "
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "lib" "g" (func))
  (import "env" "count" (func $count (result i64)))
  ;;% include print
  (func (export "__wasm_call_ctors")
    (call $exit (i32.mul (i32.const 2) (i64.eq (call $count) (i64.const 3)))) unreachable)
  (func (export "f") (call $answer (call $count))))
