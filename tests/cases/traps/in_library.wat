;; A trap in a library, and in a function that the host re-exports.
;;! call deep
;;! call direct
;;! call fine
;;! module lib
(module (func (export "f") unreachable))
;;! module main
(module
  (import "lib" "f" (func $f))
  ;;% include print
  (export "direct" (func $f))
  (func (export "deep") (call $f))
  (func (export "fine") (call $answer (i64.const 1))))
