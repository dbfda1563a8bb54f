;; Names are compared as a whole, byte by byte; any text can be one.
;;! call f
;;! call ff
;;! call F
;;! call a.b$c
;;! call größe
;;! exists f.
(module
  ;;% include print
  (func (export "f") (call $answer (i64.const 1)))
  (func (export "ff") (call $answer (i64.const 2)))
  (func (export "F") (call $answer (i64.const 3)))
  (func (export "a.b$c") (call $answer (i64.const 4)))
  (func (export "größe") (call $answer (i64.const 5))))
