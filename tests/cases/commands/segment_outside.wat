;; A segment that does not fit fails each call, not the plug-in.
;;! call bad
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call good
;;! = ok "1 "
;;! call bad
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! module lib
(module
  (memory 1)
  (data (i32.const 65535) "ab")
  (func (export "_start"))
  (func (export "f")))
;;! module main
(module
  (import "lib" "f" (func $f))
  ;;% include print
  (func (export "bad") (call $f))
  (func (export "good") (call $answer (i64.const 1))))
