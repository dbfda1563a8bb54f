;; Calls do not use memory up.
;;! call many "x" * 5000
;;! = ok "65472 "
;;! call many "x" * 5000
;;! = ok "65472 "
;;! call many "x" * 60000
;;! = ok "65472 "
;;! call many "x" * 5000
;;! = ok "65472 "
(module
  (import "extism:host/env" "memory_bytes" (func $memory_bytes (result i64)))
  ;;% include print
  (func (export "many") (call $answer (call $memory_bytes))))
