;; All memories share the limit.
;;! max-pages 5
;;! call grow
;;! = ok "1 -1 -1 "
;;! module lib
(module
  (memory 1)
  (func (export "grow") (result i32) (memory.grow (i32.const 1))))
;;! module main
(module
  (import "lib" "grow" (func $lib (result i32)))
  ;;% include print
  (memory $a 1)
  (memory $b 1)
  (func (export "grow")
    (call $begin)
    (call $print (i64.extend_i32_s (memory.grow $a (i32.const 1))))
    (call $print (i64.extend_i32_s (memory.grow $b (i32.const 1))))
    (call $print (i64.extend_i32_s (call $lib)))
    (call $done)))
