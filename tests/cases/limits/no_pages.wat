;; The kernel itself needs a page.
;;! max-pages 0
;;! new
;;! = error memory-limit "the memories of the program need 1 pages at the start, the limit is 0; raise `memory.max_pages` of the manifest"
(module (func (export "f")))
