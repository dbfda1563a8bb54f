;; Without a limit memory grows.
;;! call f
;;! = ok "1 -1 256 "
(module
  ;;% include print
  (memory 1)
  (func (export "f")
    (call $begin)
    (call $print (i64.extend_i32_s (memory.grow (i32.const 255))))
    (call $print (i64.extend_i32_s (memory.grow (i32.const 65535))))
    (call $print (i64.extend_i32_s (memory.size)))
    (call $done)))
