;; A memory whose pages have one byte, next to one with usual pages.
;;! needs custom-page-sizes "engine `{engine}` has no custom page sizes, which module `main` needs"
;;! call f
;;! = ok "5 5 9 1 "
;;! call outside
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
(module
  ;;% include print
  (memory $usual 1)
  (memory $small 5 100 (pagesize 1))
  (data (memory $small) (i32.const 4) "\01")
  (func (export "f")
    (call $begin)
    (call $print (i64.extend_i32_u (memory.size $small)))
    (call $print (i64.extend_i32_s (memory.grow $small (i32.const 4))))
    (call $print (i64.extend_i32_u (memory.size $small)))
    (call $print (i64.extend_i32_u (i32.load8_u $small (i32.const 4))))
    (call $done))
  (func (export "outside") (drop (i32.load $small (i32.const 6)))))
