;; What a host function returns counts too.
;;! max-pages 1
;;! function reverse
;;! call f "x" * 60000
;;! = error memory-limit "60000 bytes do not fit into the kernel memory of the plug-in; `memory.max_pages` of the manifest, or the limit `memory_pages`, says how much all memories may have together"
;;! call f "ab"
;;! = ok "ba"
(module
  (import "extism:host/user" "reverse" (func $reverse (param i64) (result i64)))
  (import "extism:host/env" "input_offset" (func $input_offset (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  ;;% include print
  (func (export "f") (local $block i64)
    (local.set $block (call $reverse (call $input_offset)))
    (call $output_set (local.get $block) (call $length (local.get $block)))))
