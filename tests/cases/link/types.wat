;; Types of different modules are equal if their recursion groups have the same structure; a subtype fits as well.
;;! needs garbage-collection "engine `{engine}` has no garbage collection, which module `lib` needs"
;;! call f
;;! = ok "5 2 "
;;! module lib
(module
  (rec (type $tree (sub (struct (field i64) (field (ref null $tree))))) (type $leaf (sub $tree (struct (field i64) (field (ref null $tree))))))
  (type $make (sub (func (result (ref $tree)))))
  (type $make_leaf (sub $make (func (result (ref $leaf)))))
  (func (export "make") (type $make_leaf) (struct.new $leaf (i64.const 5) (ref.null $tree)))
  (global (export "shared") (ref $leaf) (struct.new $leaf (i64.const 2) (ref.null $tree))))
;;! module main
(module
  (type $unused (func))
  (rec (type $t (sub (struct (field i64) (field (ref null $t))))) (type $l (sub $t (struct (field i64) (field (ref null $t))))))
  (type $f (sub (func (result (ref $t)))))
  (import "lib" "make" (func $make (type $f)))
  (import "lib" "shared" (global $shared (ref null $t)))
  ;;% include print
  (func (export "f")
    (call $begin)
    (call $print (struct.get $t 0 (call $make)))
    (call $print (struct.get $t 0 (ref.cast (ref $l) (global.get $shared))))
    (call $done)))
