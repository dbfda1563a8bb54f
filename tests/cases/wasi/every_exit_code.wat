;; Codes around every boundary that a host might have: of bytes, of signals, of the sign.
;;! wasi
;;! call exit "\x01\x00\x00\x00\x00\x00\x00\x00"
;;! = error exit(1) "the guest exited with the code 1"
;;! call exit "\x02\x00\x00\x00\x00\x00\x00\x00"
;;! = error exit(2) "the guest exited with the code 2"
;;! call exit "\x7d\x00\x00\x00\x00\x00\x00\x00"
;;! = error exit(125) "the guest exited with the code 125"
;;! call exit "\x7e\x00\x00\x00\x00\x00\x00\x00"
;;! = error exit(126) "the guest exited with the code 126"
;;! call exit "\x7f\x00\x00\x00\x00\x00\x00\x00"
;;! = error exit(127) "the guest exited with the code 127"
;;! call exit "\x80\x00\x00\x00\x00\x00\x00\x00"
;;! = error exit(128) "the guest exited with the code 128"
;;! call exit "\xff\x00\x00\x00\x00\x00\x00\x00"
;;! = error exit(255) "the guest exited with the code 255"
;;! call exit "\x00\x01\x00\x00\x00\x00\x00\x00"
;;! = error exit(256) "the guest exited with the code 256"
;;! call exit "\xff\xff\x00\x00\x00\x00\x00\x00"
;;! = error exit(65535) "the guest exited with the code 65535"
;;! call exit "\x00\x00\x01\x00\x00\x00\x00\x00"
;;! = error exit(65536) "the guest exited with the code 65536"
;;! call exit "\xff\xff\xff\x7f\x00\x00\x00\x00"
;;! = error exit(2147483647) "the guest exited with the code 2147483647"
;;! call exit "\x00\x00\x00\x80\x00\x00\x00\x00"
;;! = error exit(-2147483648) "the guest exited with the code -2147483648"
;;! call exit "\xfe\xff\xff\xff\x00\x00\x00\x00"
;;! = error exit(-2) "the guest exited with the code -2"
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "extism:host/env" "input_load_u64" (func $load (param i64) (result i64)))
  (func (export "exit") (call $exit (i32.wrap_i64 (call $load (i64.const 0)))) unreachable))
