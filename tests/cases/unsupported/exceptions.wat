;;! load
;;! = error unsupported "engine `{engine}` has no exceptions, which module `main` needs"
(module (tag) (func (throw 0)))
