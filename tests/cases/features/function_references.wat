;; Typed references to functions: called, in tables that are never null, and compared with null.
;;! needs function-references "engine `{engine}` has no function references, which module `main` needs"
;;! call f
;;! = ok "7 8 1 3 "
;;! call null
;;! = error trap(null-reference) "the guest trapped: null reference"
(module
  ;;% include print
  (type $binary (func (param i64 i64) (result i64)))
  (table $never_null 2 (ref $binary) (ref.func $add))
  (elem declare func $sub)
  (func $add (type $binary) (i64.add (local.get 0) (local.get 1)))
  (func $sub (type $binary) (i64.sub (local.get 0) (local.get 1)))
  (func $apply (param $f (ref null $binary)) (result i64)
    (call_ref $binary (i64.const 5) (i64.const 2) (local.get $f)))
  (func (export "f") (local $f (ref $binary))
    (call $begin)
    (local.set $f (table.get $never_null (i32.const 1)))
    (call $print (call $apply (local.get $f)))
    (call $print (i64.add (i64.const 1) (call_ref $binary (i64.const 3) (i64.const 4) (local.get $f))))
    (call $print (block $null (result i64)
      (drop (br_on_null $null (i64.const 1) (ref.null $binary)))))
    (table.set $never_null (i32.const 1) (ref.func $sub))
    (call $print (call $apply (table.get $never_null (i32.const 1))))
    (call $done))
  (func (export "null") (drop (call $apply (ref.null $binary)))))
