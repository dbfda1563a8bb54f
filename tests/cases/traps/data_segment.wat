;; A data segment that does not fit is a trap when the instance is made.
;;! new
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
(module
  (memory 1)
  (data (i32.const 65535) "ab")
  (func (export "f")))
