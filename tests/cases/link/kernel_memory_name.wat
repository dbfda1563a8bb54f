;; A guest may export anything under the name that the kernel memory has inside of its module.
;;! call polyextism:kernel
;;! = ok "1 "
;;! exists polyextism:kernel'
;;! = ok "false"
(module
  ;;% include print
  (func (export "polyextism:kernel") (call $answer (i64.const 1))))
