;;! needs garbage-collection "engine `{engine}` has no garbage collection, which module `lib` needs"
;;! load
;;! = error link "module `main` imports `lib`::`make` (func (result (ref (module 0)))): that module exports it as (func (result (ref (module 0))))"
;;! module lib
(module
  (type $cell (struct (field i64)))
  (func (export "make") (result (ref $cell)) (struct.new $cell (i64.const 5))))
;;! module main
(module
  (type $cell (struct (field (mut i64))))
  (import "lib" "make" (func $make (result (ref $cell))))
  (func (export "f")))
