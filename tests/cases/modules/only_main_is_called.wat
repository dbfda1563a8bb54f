;; Exports of libraries cannot be called from outside.
;;! call helper
;;! = error unknown-function "unknown function `helper`: the plug-in exports no function of that name; it exports `f`"
;;! call f
;;! = ok ""
;;! module lib
(module (func (export "helper")))
;;! module main
(module (import "lib" "helper" (func $helper)) (func (export "f") (call $helper)))
