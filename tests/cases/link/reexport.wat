;; A module can export what it imports, and that can be called.
;;! function nothing
;;! call nothing
;;! = ok ""
;;! call reset
;;! = ok ""
;;! exists nothing
;;! = ok "true"
(module
  (import "extism:host/user" "nothing" (func $nothing))
  (import "extism:host/env" "reset" (func $reset))
  (export "nothing" (func $nothing))
  (export "reset" (func $reset)))
