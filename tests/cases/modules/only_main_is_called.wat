;; Exports of libraries cannot be called from outside.
;;! call helper
;;! call f
;;! module lib
(module (func (export "helper")))
;;! module main
(module (import "lib" "helper" (func $helper)) (func (export "f") (call $helper)))
