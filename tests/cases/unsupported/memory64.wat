;;! load
;;! = error unsupported "engine `{engine}` has no memory64, which module `main` needs"
(module (memory i64 1))
