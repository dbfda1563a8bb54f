;; In a start section, an exit with 0 ends that function only; another code fails the plug-in until
;; a new instance succeeds.
;;! wasi
;;! function count
;;! call f
;;! = error exit(4) "the guest exited with the code 4"
;;! call f
;;! = ok "3 "
;;! call f
;;! = ok "4 "
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "env" "count" (func $count (result i64)))
  ;;% include print
  (func $start
    (call $exit (i32.mul (i32.const 4) (i32.wrap_i64 (i64.sub (i64.const 2) (call $count)))))
    unreachable)
  (start $start)
  (func (export "f") (call $answer (call $count))))
