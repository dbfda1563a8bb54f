;; No host is allowed unless the manifest lists it. What is allowed: tests/tests/http.rs.
;;! call state
;;! = ok "0 0 "
;;! call get "{\"url\": \"http://example.com\"}"
;;! = error host-function "`http_request`: the host `example.com` is not allowed by allowed_hosts"
;;! call bad
;;! = error host-function "`http_request`: the request is not a block of the kernel memory: 1000"
;;! call state
;;! = ok "0 0 "
(module
  (import "extism:host/env" "http_request" (func $request (param i64 i64) (result i64)))
  (import "extism:host/env" "http_status_code" (func $status (result i32)))
  (import "extism:host/env" "http_headers" (func $headers (result i64)))
  (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
  ;;% include print
  (func (export "get") (drop (call $request (call $input_offset) (i64.const 0))))
  (func (export "bad") (drop (call $request (i64.const 1000) (i64.const 0))))
  (func (export "state")
    (call $begin)
    (call $print (i64.extend_i32_u (call $status)))
    (call $print (call $headers))
    (call $done)))
