;;! needs garbage-collection "engine `{engine}` has no garbage collection, which module `main` needs"
;;! call f
;;! = error trap(array-out-of-bounds) "the guest trapped: out of bounds array access"
(module (type $a (array i32))
  (func (export "f") (drop (array.get $a (array.new_default $a (i32.const 3)) (i32.const 3)))))
