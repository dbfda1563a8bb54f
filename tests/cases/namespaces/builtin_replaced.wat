;; A function bound to `extism:host/env` replaces a builtin or a kernel function; one that is bound
;; to nothing does not.
;;! function two as http_status_code
;;! function one as memory_bytes in extism:host/env
;;! call f
;;! = ok "0 1 65472 "
(module
  (import "extism:host/env" "http_status_code" (func $status (result i32)))
  (import "extism:host/env" "memory_bytes" (func $bytes (result i64)))
  (import "env" "extism_memory_bytes" (func $legacy (result i64)))
  ;;% include print
  (func (export "f")
    (call $begin)
    (call $print (i64.extend_i32_u (call $status)))
    (call $print (call $bytes))
    (call $print (call $legacy))
    (call $done)))
