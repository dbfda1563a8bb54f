;; Calls of a command need no further pages, however many there are: a limit is reached by growth
;; only.
;;! max-pages 4
;;! call run
;;! = ok "0 "
;;! call grow
;;! = ok "2 -1 2 -1 "
;;! call run
;;! = ok "0 "
;;! call grow
;;! = ok "2 -1 2 -1 "
;;! module lib
(module
  (memory 2)
  (func (export "_start"))
  (func (export "look") (result i64) (i64.load (i32.const 65536)))
  (func (export "grow") (param i32) (result i64)
    (i64.store (i32.const 65536) (i64.const 7))
    (i64.extend_i32_s (memory.grow (local.get 0)))))
;;! module main
(module
  (import "lib" "look" (func $look (result i64)))
  (import "lib" "grow" (func $grow (param i32) (result i64)))
  ;;% include print
  (func (export "run") (local $i i32) (local $sum i64)
    (loop $next
      (local.set $sum (i64.add (local.get $sum) (call $look)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (i32.const 10000))))
    (call $answer (local.get $sum)))
  (func (export "grow")
    (call $begin)
    (call $print (call $grow (i32.const 1)))
    (call $print (call $grow (i32.const 2)))
    (call $print (call $grow (i32.const 1)))
    (call $print (call $grow (i32.const -1)))
    (call $done)))
