;; What was written since the call began can be read, up to the limit. Beyond it, writes fail.
;;! wasi capture 8
;;! call write "\x01"
;;! = ok "29 "
;;! stdout
;;! = ok "text\ntex"
;;! stderr
;;! = ok ""
;;! call write "\x02"
;;! = ok "0 "
;;! stdout
;;! = ok ""
;;! stderr
;;! = ok "text\n"
;;! call fill
;;! = ok "0 29 29 "
;;! stdout
;;! = ok "text\ntex"
;;! call write "\x01"
;;! = ok "0 "
;;! stdout
;;! = ok "text\n"
;;! call trap
;;! = error trap(unreachable) "the guest trapped: unreachable executed"
;;! stdout
;;! = ok "text\n"
;;! init
;;! stdout
;;! = ok "text\n"
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "extism:host/env" "input_load_u8" (func $input (param i64) (result i32)))
  ;;% include print
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\05\00\00\00")
  (data (i32.const 16) "text\n")
  (func $emit (param $fd i32) (result i64)
    (i64.extend_i32_u (call $write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "_initialize") (drop (call $emit (i32.const 1))))
  (func (export "write") (call $answer (call $emit (call $input (i64.const 0)))))
  ;; Three bytes of the second write fit: it fails, and so does the third.
  (func (export "fill")
    (call $begin)
    (call $print (call $emit (i32.const 1)))
    (call $print (call $emit (i32.const 1)))
    (call $print (call $emit (i32.const 1)))
    (call $done))
  (func (export "trap") (drop (call $emit (i32.const 1))) unreachable))
