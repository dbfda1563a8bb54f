;; A memory may say that it has at most 2^64 bytes. Growing it is like growing any other, and what is refused is not
;; counted.
;;! needs memory64 "engine `{engine}` has no memory64, which module `main` needs"
;;! max-pages 5
;;! call grow
;;! = ok ""
;;! call grow
;;! = error trap(unreachable) "the guest trapped: unreachable executed"
(module
  (memory i64 1 0x1000000000000)
  (func (export "grow")
    (if (i64.ne (memory.grow (i64.const 0xffffffffffff)) (i64.const -1)) (then unreachable))
    (if (i64.ne (memory.grow (i64.const 0xfffffffffffe)) (i64.const -1)) (then unreachable))
    (if (i64.ne (memory.grow (i64.const 3)) (i64.const 1)) (then unreachable))
    (if (i64.ne (memory.size) (i64.const 4)) (then unreachable))
    (if (i64.ne (memory.grow (i64.const 1)) (i64.const -1)) (then unreachable))))
