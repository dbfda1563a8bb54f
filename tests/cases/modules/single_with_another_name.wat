;; A single module is the main one, whatever its name.
;;! call f
;;! module other
(module
  ;;% include print
  (func (export "f") (call $answer (i64.const 1))))
