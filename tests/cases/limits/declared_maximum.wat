;; A declared maximum can be reached exactly.
;;! max-pages 10
;;! call grow
;;! = ok "1 "
;;! call grow
;;! = ok "2 "
;;! call grow
;;! = ok "-1 "
(module
  ;;% include print
  (memory 1 3)
  (func (export "grow") (call $answer (i64.extend_i32_s (memory.grow (i32.const 1))))))
