;; Without a `main` the last module is the main one, under whatever name.
;;! call f
;;! = ok "2 "
;;! module first
(module (func (export "f") unreachable))
;;! module -
(module
  ;;% include print
  (func (export "f") (call $answer (i64.const 2))))
