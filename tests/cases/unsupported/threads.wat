;;! load
;;! = error unsupported "engine `{engine}` has no threads, which module `main` needs"
(module (memory 1 1 shared))
