;; References of the host: a guest can keep and compare null ones.
;;! needs externref "engine `{engine}` cannot compile the module"
;;! call f
;;! = ok "1 2 3 "
;;! call outside
;;! = error trap(table-out-of-bounds) "the guest trapped: out of bounds table access"
;;! call f
;;! = ok "1 3 4 "
(module
  ;;% include print
  (table $t 2 5 externref)
  (global $g (mut externref) (ref.null extern))
  (func $same (param externref) (result externref) (local.get 0))
  (func (export "f")
    (table.set $t (i32.const 1) (call $same (global.get $g)))
    (call $begin)
    (call $print (i64.extend_i32_u (ref.is_null (table.get $t (i32.const 1)))))
    (call $print (i64.extend_i32_s (table.grow $t (ref.null extern) (i32.const 1))))
    (call $print (i64.extend_i32_u (table.size $t)))
    (call $done))
  (func (export "outside") (drop (table.get $t (i32.const 9)))))
