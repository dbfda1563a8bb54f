;; An input that does not fit is an error; the plug-in can be used on.
;;! max-pages 3
;;! call f "x" * 200000
;;! = error memory-limit "200000 bytes do not fit into the kernel memory of the plug-in; `memory.max_pages` of the manifest, or the limit `memory_pages`, says how much all memories may have together"
;;! call f "x" * 100000
;;! = ok "100000 "
(module
  (import "extism:host/env" "input_length" (func $input_length (result i64)))
  ;;% include print
  (memory 1)
  (func (export "f") (call $answer (call $input_length))))
