;; An exit with 0 ends the initialisation, an exit with another code fails it.
;;! wasi
;;! function count
;;! call f
;;! = error exit(1) "the guest exited with the code 1"
;;! call f
;;! = ok "3 "
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "env" "count" (func $count (result i64)))
  ;;% include print
  (func (export "_initialize")
    (call $exit (i32.wrap_i64 (i64.sub (i64.const 2) (call $count)))))
  (func (export "f") (call $answer (call $count))))
