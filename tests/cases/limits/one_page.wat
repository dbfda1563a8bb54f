;; A plug-in without a memory of its own lives in the kernel's page.
;;! max-pages 1
;;! call echo "hello"
;;! = ok "hello"
;;! call echo "x" * 65456
;;! = ok 65456 bytes, hash c76fb3ed4ebc8fe5
;;! call echo "x" * 65457
;;! = error memory-limit "65457 bytes do not fit into the kernel memory of the plug-in; `memory.max_pages` of the manifest, or the limit `memory_pages`, says how much all memories may have together"
;;! call echo "hello"
;;! = ok "hello"
;;! call alloc
;;! = ok "0 "
(module
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
  ;;% include print
  (func (export "echo") (call $output_set (call $input_offset) (call $input_length)))
  (func (export "alloc") (call $answer (call $alloc (i64.const 70000)))))
