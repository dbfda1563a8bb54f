;; Arguments, environment and input are what was given, in that order.
;;! wasi arg "program"
;;! wasi arg "zwei \"ä\""
;;! wasi env B = "1=2"
;;! wasi env A = ""
;;! wasi stdin "some input"
;;! call sizes
;;! = ok "2 18 2 9 "
;;! call args
;;! = ok "program\x00zwei \"ä\"\x00"
;;! call env
;;! = ok "B=1=2\x00A=\x00"
;;! call input
;;! = ok "some input"
;;! call input
;;! = ok ""
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $env_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $env (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  ;;% include print
  ;;% include block
  (memory (export "memory") 1)
  (func $errno (param i32)
    (if (local.get 0) (then unreachable)))
  (func $bytes (param $at i32) (param $length i32)
    (call $output_set
      (call $block (local.get $at) (local.get $length)) (i64.extend_i32_u (local.get $length))))
  (func (export "sizes")
    (call $errno (call $args_sizes (i32.const 0) (i32.const 4)))
    (call $errno (call $env_sizes (i32.const 8) (i32.const 12)))
    (call $begin)
    (call $print (i64.load32_u (i32.const 0)))
    (call $print (i64.load32_u (i32.const 4)))
    (call $print (i64.load32_u (i32.const 8)))
    (call $print (i64.load32_u (i32.const 12)))
    (call $done))
  (func (export "args")
    (call $errno (call $args_sizes (i32.const 0) (i32.const 4)))
    (call $errno (call $args (i32.const 16) (i32.const 64)))
    (call $bytes (i32.const 64) (i32.load (i32.const 4))))
  (func (export "env")
    (call $errno (call $env_sizes (i32.const 0) (i32.const 4)))
    (call $errno (call $env (i32.const 16) (i32.const 64)))
    (call $bytes (i32.const 64) (i32.load (i32.const 4))))
  ;; In two reads, the first of which takes four bytes.
  (func (export "input")
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 4))
    (call $errno (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (i32.store (i32.const 0) (i32.add (i32.const 64) (i32.load (i32.const 8))))
    (i32.store (i32.const 4) (i32.const 100))
    (call $errno (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 12)))
    (call $bytes (i32.const 64) (i32.add (i32.load (i32.const 8)) (i32.load (i32.const 12))))))
