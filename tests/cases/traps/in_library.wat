;; A trap in a library, and in a function that the host re-exports.
;;! call deep
;;! = error trap(unreachable) "the guest trapped: unreachable executed"
;;! call direct
;;! = error trap(unreachable) "the guest trapped: unreachable executed"
;;! call fine
;;! = ok "1 "
;;! module lib
(module (func (export "f") unreachable))
;;! module main
(module
  (import "lib" "f" (func $f))
  ;;% include print
  (export "direct" (func $f))
  (func (export "deep") (call $f))
  (func (export "fine") (call $answer (i64.const 1))))
