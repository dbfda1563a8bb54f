;; A single module is the main one, whatever its name.
;;! call f
;;! = ok "1 "
;;! module other
(module
  ;;% include print
  (func (export "f") (call $answer (i64.const 1))))
