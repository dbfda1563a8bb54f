;; A command initialises itself, but not its start section, nor the libraries that it imports: these
;; run before each call of it, once. Its constructors are its own affair.
;;! call _start
;;! = ok "11 1 0 "
;;! call _start
;;! = ok "11 1 0 "
;;! call get
;;! = ok "11 1 1 "
;;! module lib
(module
  (global $runs (mut i64) (i64.const 0))
  (func $start (global.set $runs (i64.add (global.get $runs) (i64.const 10))))
  (start $start)
  (func (export "_initialize") (global.set $runs (i64.add (global.get $runs) (i64.const 1))))
  (func (export "runs") (result i64) (global.get $runs)))
;;! module main
(module
  (import "lib" "runs" (func $runs (result i64)))
  ;;% include print
  (global $started (mut i64) (i64.const 0))
  (global $constructed (mut i64) (i64.const 0))
  (func $start (global.set $started (i64.add (global.get $started) (i64.const 1))))
  (start $start)
  (func (export "__wasm_call_ctors")
    (global.set $constructed (i64.add (global.get $constructed) (i64.const 1))))
  (func $tell
    (call $begin)
    (call $print (call $runs))
    (call $print (global.get $started))
    (call $print (global.get $constructed))
    (call $done))
  (func (export "get") (call $tell))
  (func (export "_start") (call $tell)))
