;;! max-pages 5
;;! call f
;;! = ok ""
(module (memory 4 4) (func (export "f")))
