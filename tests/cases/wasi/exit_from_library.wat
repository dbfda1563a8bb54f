;; An exit deep inside of another module ends the call with its code; 0 keeps the output.
;;! wasi
;;! module lib
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (func (export "exit") (param i32) (call $exit (local.get 0)) unreachable))
;;! module main
;;! call zero
;;! = ok "5 "
;;! call nine
;;! = error exit(9) "the guest exited with the code 9"
;;! call zero
;;! = ok "5 "
(module
  (import "lib" "exit" (func $exit (param i32)))
  ;;% include print
  (table 1 funcref)
  (elem (i32.const 0) $deep)
  (func $deep (param $depth i32) (param $code i32)
    (if (local.get $depth)
      (then
        (call_indirect (param i32 i32)
          (i32.sub (local.get $depth) (i32.const 1)) (local.get $code) (i32.const 0)))
      (else (call $exit (local.get $code)))))
  (func (export "zero")
    (call $answer (i64.const 5)) (call $deep (i32.const 20) (i32.const 0)) unreachable)
  (func (export "nine")
    (call $answer (i64.const 6)) (call $deep (i32.const 20) (i32.const 9)) unreachable))
