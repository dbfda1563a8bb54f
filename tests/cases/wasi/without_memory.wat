;; A module that exports no memory: calls that need none work, every pointer is outside.
;;! wasi
;;! call yield
;;! = ok "0 "
;;! call random
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access by WASI `random_get`"
;;! call exit
;;! = error exit(6) "the guest exited with the code 6"
(module
  (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  ;;% include print
  (memory 1)
  (func (export "yield") (call $answer (i64.extend_i32_u (call $yield))))
  (func (export "random")
    (call $answer (i64.extend_i32_u (call $random (i32.const 0) (i32.const 4)))))
  (func (export "exit") (call $exit (i32.const 6))))
