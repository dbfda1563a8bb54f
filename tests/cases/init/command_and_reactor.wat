;; A module cannot be both.
;;! load
(module
  (func (export "_start"))
  (func (export "_initialize")))
