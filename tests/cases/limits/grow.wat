;; The limit counts the pages of all memories, the kernel's first page too. Growing up to it is
;; granted, one page more is refused with -1.
;;! max-pages 5
;;! call grow "\x01"
;;! = ok "1 2 "
;;! call grow "\x03"
;;! = ok "-1 2 "
;;! call grow "\x02"
;;! = ok "2 4 "
;;! call grow "\x01"
;;! = ok "-1 4 "
;;! call grow "\x00"
;;! = ok "4 4 "
;;! new
;;! call grow "\x03"
;;! = ok "1 4 "
(module
  (import "extism:host/env" "input_load_u8" (func $input (param i64) (result i32)))
  ;;% include print
  (memory 1)
  (func (export "grow")
    (call $begin)
    (call $print (i64.extend_i32_s (memory.grow (call $input (i64.const 0)))))
    (call $print (i64.extend_i32_s (memory.size)))
    (call $done)))
