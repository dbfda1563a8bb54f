;; A library cannot be both either.
;;! load
;;! = error link "module `lib` exports both `_start` and `_initialize`: it cannot be a command and a reactor"
;;! module lib
(module (func (export "_start")) (func (export "_initialize")))
;;! module main
(module (func (export "f")))
