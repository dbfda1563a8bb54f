;;! needs garbage-collection "engine `{engine}` has no garbage collection, which module `main` needs"
;;! call f
;;! = error trap(cast-failure) "the guest trapped: cast failure"
(module (func (export "f") (drop (ref.cast (ref struct) (ref.i31 (i32.const 1))))))
