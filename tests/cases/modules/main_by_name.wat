;;! call f
;;! = ok "1 "
;;! module main
(module
  ;;% include print
  (func (export "f") (call $answer (i64.const 1))))
;;! module last
(module (func (export "f") unreachable))
