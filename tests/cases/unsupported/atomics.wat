;;! load
;;! = error unsupported "engine `{engine}` has no threads, which module `main` needs"
(module (memory 1) (func (drop (i32.atomic.load (i32.const 0)))))
