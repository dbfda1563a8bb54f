;; Writes and reads a file of 64 MiB, `data` in the first allowed folder, in pieces of 64 KiB.
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 0) "data")
  ;; One buffer: the second page.
  (data (i32.const 16) "\00\00\01\00\00\00\01\00")
  (func $check (param $errno i32)
    (if (local.get $errno) (then unreachable)))
  (func $piece (param $n i32)
    (if (i32.ne (local.get $n) (i32.const 65536)) (then unreachable)))
  (func $file (param $oflags i32) (param $rights i64) (result i32)
    (call $check
      (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 4) (local.get $oflags)
        (local.get $rights) (local.get $rights) (i32.const 0) (i32.const 8)))
    (i32.load (i32.const 8)))
  (func (export "write") (local $fd i32) (local $i i32)
    (local.set $fd (call $file (i32.const 9) (i64.const 64)))
    (loop $next
      (i32.store (i32.const 65536) (local.get $i))
      (call $check (call $write (local.get $fd) (i32.const 16) (i32.const 1) (i32.const 8)))
      (call $piece (i32.load (i32.const 8)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (i32.const 1024))))
    (call $check (call $close (local.get $fd))))
  ;; Traps unless it finds what `write` has written.
  (func (export "read") (local $fd i32) (local $i i32)
    (local.set $fd (call $file (i32.const 0) (i64.const 2)))
    (loop $next
      (call $check (call $read (local.get $fd) (i32.const 16) (i32.const 1) (i32.const 8)))
      (call $piece (i32.load (i32.const 8)))
      (if (i32.ne (i32.load (i32.const 65536)) (local.get $i)) (then unreachable))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (i32.const 1024))))
    (call $check (call $close (local.get $fd)))))
