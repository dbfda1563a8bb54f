;; `unreachable`, in the entry, deeper, and after an output.
;;! call here
;;! = error trap(unreachable) "the guest trapped: unreachable executed"
;;! call deep
;;! = error trap(unreachable) "the guest trapped: unreachable executed"
;;! call after_output
;;! = error trap(unreachable) "the guest trapped: unreachable executed"
;;! call fine
;;! = ok "1 "
(module
  ;;% include print
  (func $deep (param i32)
    (if (i32.eqz (local.get 0)) (then unreachable))
    (call $deep (i32.sub (local.get 0) (i32.const 1))))
  (func (export "here") unreachable)
  (func (export "deep") (call $deep (i32.const 100)))
  (func (export "after_output") (call $answer (i64.const 5)) unreachable)
  (func (export "fine") (call $answer (i64.const 1))))
