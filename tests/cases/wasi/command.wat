;; A command that ends by `proc_exit`.
;;! wasi
;;! call _start
;;! = ok "1 "
;;! call _start
;;! = ok "1 "
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  ;;% include print
  (memory (export "memory") 1)
  (global $n (mut i64) (i64.const 0))
  (func (export "_start")
    (global.set $n (i64.add (global.get $n) (i64.const 1)))
    (call $answer (global.get $n))
    (call $exit (i32.const 0))))
