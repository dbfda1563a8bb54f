;; An element segment that does not fit is a trap when the instance is made.
;;! new
;;! = error trap(table-out-of-bounds) "the guest trapped: out of bounds table access"
(module
  (table 1 funcref)
  (elem (i32.const 1) $f)
  (func $f (export "f")))
