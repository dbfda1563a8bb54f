;; The export name that a start section gets cannot be called, and cannot be taken.
;;! load
(module
  (func $start)
  (start $start)
  (func (export "polyextism:start")))
