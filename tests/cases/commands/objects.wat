;; Objects of a library that starts afresh are those of a fresh instance: in globals that change and in those that do not.
;;! needs garbage-collection "engine `{engine}` has no garbage collection, which module `lib` needs"
;;! call f
;;! = ok "1 1 1 1 "
;;! call f
;;! = ok "1 1 1 1 "
;;! module lib
(module
  (type $cell (struct (field (mut i64))))
  (type $row (array (mut i64)))
  (type $pair (struct (field (ref $cell)) (field (ref $row))))
  (global $fixed (ref $cell) (struct.new $cell (i64.const 0)))
  (global $row (ref $row) (array.new $row (i64.const 0) (i32.const 2)))
  (global $both (ref $pair) (struct.new $pair (global.get $fixed) (global.get $row)))
  (global $changes (mut (ref null $cell)) (struct.new $cell (i64.const 0)))
  (func (export "_start"))
  (func (export "bump") (result i64 i64 i64 i64)
    (struct.set $cell 0 (global.get $fixed) (i64.add (i64.const 1) (struct.get $cell 0 (global.get $fixed))))
    (array.set $row (global.get $row) (i32.const 1)
      (i64.add (i64.const 1) (array.get $row (global.get $row) (i32.const 1))))
    (struct.set $cell 0 (global.get $changes) (i64.add (i64.const 1) (struct.get $cell 0 (global.get $changes))))
    (struct.get $cell 0 (struct.get $pair 0 (global.get $both)))
    (array.get $row (struct.get $pair 1 (global.get $both)) (i32.const 1))
    (struct.get $cell 0 (global.get $fixed))
    (struct.get $cell 0 (global.get $changes))))
;;! module main
(module
  (import "lib" "bump" (func $bump (result i64 i64 i64 i64)))
  ;;% include print
  (func (export "f") (local i64 i64 i64 i64)
    (call $bump)
    (local.set 0) (local.set 1) (local.set 2) (local.set 3)
    (call $begin)
    (call $print (local.get 0)) (call $print (local.get 1)) (call $print (local.get 2)) (call $print (local.get 3))
    (call $done)))
