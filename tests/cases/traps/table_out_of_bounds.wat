;; Indices of tables.
;;! call call
;;! = error trap(table-out-of-bounds) "the guest trapped: out of bounds table access"
;;! call call_far
;;! = error trap(table-out-of-bounds) "the guest trapped: out of bounds table access"
;;! call get
;;! = error trap(table-out-of-bounds) "the guest trapped: out of bounds table access"
;;! call set
;;! = error trap(table-out-of-bounds) "the guest trapped: out of bounds table access"
;;! call fill
;;! = error trap(table-out-of-bounds) "the guest trapped: out of bounds table access"
;;! call copy
;;! = error trap(table-out-of-bounds) "the guest trapped: out of bounds table access"
;;! call init_to
;;! = error trap(table-out-of-bounds) "the guest trapped: out of bounds table access"
;;! call init_from
;;! = error trap(table-out-of-bounds) "the guest trapped: out of bounds table access"
;;! call init_dropped
;;! = error trap(table-out-of-bounds) "the guest trapped: out of bounds table access"
;;! call fine
;;! = ok "1 "
(module
  ;;% include print
  (type $t (func))
  (table $table 2 10 funcref)
  (elem $elem func $callee)
  (global $end (mut i32) (i32.const 2))
  (func $callee)
  (func (export "call") (call_indirect $table (type $t) (global.get $end)))
  (func (export "call_far") (call_indirect $table (type $t) (i32.const -1)))
  (func (export "get") (drop (table.get $table (global.get $end))))
  (func (export "set") (table.set $table (global.get $end) (ref.null func)))
  (func (export "fill") (table.fill $table (i32.const 1) (ref.null func) (i32.const 2)))
  (func (export "copy") (table.copy $table $table (i32.const 0) (i32.const 1) (i32.const 2)))
  (func (export "init_to") (table.init $table $elem (global.get $end) (i32.const 0) (i32.const 1)))
  (func (export "init_from") (table.init $table $elem (i32.const 0) (i32.const 0) (i32.const 2)))
  (func (export "init_dropped")
    (elem.drop $elem) (table.init $table $elem (i32.const 0) (i32.const 0) (i32.const 1)))
  (func (export "fine") (call $answer (i64.const 1))))
