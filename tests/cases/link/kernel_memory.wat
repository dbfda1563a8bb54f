;; Only functions can be imported from the kernel: its memory is out of reach.
;;! load
;;! = error link "module `main` imports `extism:host/env`::`memory` (memory 1): only functions can be imported from there; module `main` imports `env`::`extism_memory` (memory 1): only functions can be imported from there; module `main` imports `extism:host/env`::`extism_context` (global i64): only functions can be imported from there"
(module
  (import "extism:host/env" "memory" (memory 1))
  (import "env" "extism_memory" (memory 1))
  (import "extism:host/env" "extism_context" (global i64)))
