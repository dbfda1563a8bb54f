;; More elements at the start than the tables of all modules may have together.
;;! module lib
(module (table 600000 funcref))
;;! module main
(module (table 400001 funcref) (func (export "f")))
;;! load
