;;! call f
;;! = ok "98 "
(module
  ;;% include print
  (memory 1)
  (data (i32.const 65534) "ab")
  (data (i32.const 65536) "")
  (func (export "f") (call $answer (i64.extend_i32_u (i32.load8_u (i32.const 65535))))))
