;; The kernel itself needs a page.
;;! max-pages 0
;;! new
;;! = error memory-limit "the memories of the program need 1 pages at the start, the limit is 0"
(module (func (export "f")))
