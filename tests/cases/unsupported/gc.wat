;;! load
;;! = error unsupported "engine `{engine}` has no garbage collection, which module `main` needs"
(module (type (struct (field i32))) (func (param (ref null 0))))
