;; More elements at the start than the tables of all modules may have together.
;;! module lib
(module (table 600000 funcref))
;;! module main
(module (table 400001 funcref) (func (export "f")))
;;! load
;;! = error invalid-module "the tables of the plug-in have 1000001 elements at the start, at most 1000000 are allowed; raise the limit `table_elements` to 1000001"
