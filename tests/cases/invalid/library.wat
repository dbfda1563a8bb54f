;; The message names the module.
;;! load
;;! module lib
(module (func (result i32)))
;;! module main
(module)
