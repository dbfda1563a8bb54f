;; Exit code 0 is success and keeps the output; every other code is an error of its own.
;;! wasi
;;! call exit "\x00\x00\x00\x00"
;;! = ok "1 "
;;! call exit "\x03\x00\x00\x00"
;;! = error exit(3) "the guest exited with the code 3"
;;! call exit "\x86\x00\x00\x00"
;;! = error exit(134) "the guest exited with the code 134"
;;! call exit "\x2c\x01\x00\x00"
;;! = error exit(300) "the guest exited with the code 300"
;;! call exit "\xff\xff\xff\xff"
;;! = error exit(-1) "the guest exited with the code -1"
;;! call exit "\x00\x00\x00\x80"
;;! = error exit(-2147483648) "the guest exited with the code -2147483648"
;;! call exit "\x00\x00\x00\x00"
;;! = ok "7 "
;;! call exit_with_error "\x00\x00\x00\x00"
;;! = error guest "boom"
;;! call exit_with_error "\x05\x00\x00\x00"
;;! = error guest(code 5) "boom"
;;! call exit "\x00\x00\x00\x00"
;;! = ok "8 "
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "extism:host/env" "load_u64" (func $load (param i64) (result i64)))
  (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
  (import "extism:host/env" "error_set" (func $error_set (param i64)))
  ;;% include print
  ;;% include fail
  (global $calls (mut i64) (i64.const 0))
  (func (export "exit") (local $code i32)
    (local.set $code (i32.wrap_i64 (call $load (call $input_offset))))
    (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
    (call $answer (global.get $calls))
    (call $exit (local.get $code))
    unreachable)
  (func (export "exit_with_error") (local $code i32)
    (local.set $code (i32.wrap_i64 (call $load (call $input_offset))))
    (call $boom)
    (call $exit (local.get $code))
    unreachable))
