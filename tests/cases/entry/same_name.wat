;; Names are compared as a whole, byte by byte; any text can be one.
;;! call f
;;! = ok "1 "
;;! call ff
;;! = ok "2 "
;;! call F
;;! = ok "3 "
;;! call a.b$c
;;! = ok "4 "
;;! call größe
;;! = ok "5 "
;;! exists f.
;;! = ok "false"
(module
  ;;% include print
  (func (export "f") (call $answer (i64.const 1)))
  (func (export "ff") (call $answer (i64.const 2)))
  (func (export "F") (call $answer (i64.const 3)))
  (func (export "a.b$c") (call $answer (i64.const 4)))
  (func (export "größe") (call $answer (i64.const 5))))
