;;! max-pages 5
;;! new
;;! = error memory-limit "the memories of the program need 7 pages at the start, the limit is 5; raise `memory.max_pages` of the manifest"
(module (memory 6) (func (export "f")))
