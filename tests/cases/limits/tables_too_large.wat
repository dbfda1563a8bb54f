;; More elements at the start than all tables may have.
(module (table 600000 funcref) (table 400001 funcref) (func (export "f")))
;;! load
;;! = error invalid-module "module `main` has 1000001 table elements, at most 1000000 are allowed; raise the limit `table_elements` to 1000001"
