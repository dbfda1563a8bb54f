;; An exception that nobody catches, thrown in a library.
;;! needs exceptions "engine `{engine}` has no exceptions, which module `lib` needs"
;;! call f
;;! = error trap(uncaught-exception) "the guest trapped: uncaught exception"
;;! call g
;;! = ok "3 "
;;! module lib
(module (tag $t (param i64)) (func (export "throws") (throw $t (i64.const 1))))
;;! module main
(module
  (import "lib" "throws" (func $throws))
  ;;% include print
  (func (export "f") (call $throws))
  (func (export "g") (call $answer (i64.const 3))))
