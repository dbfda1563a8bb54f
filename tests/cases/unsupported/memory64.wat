;;! needs memory64 "engine `{engine}` has no memory64, which module `main` needs"
;;! call f
;;! = ok "7 "
(module
  ;;% include print
  (memory i64 1)
  (func (export "f")
    (i64.store (i64.const 8) (i64.const 7))
    (call $answer (i64.load (i64.const 8)))))
