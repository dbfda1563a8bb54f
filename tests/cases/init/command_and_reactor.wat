;; A module cannot be both.
;;! load
;;! = error link "module `main` exports both `_start` and `_initialize`: it cannot be a command and a reactor"
(module
  (func (export "_start"))
  (func (export "_initialize")))
