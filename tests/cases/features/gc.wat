;; Structs, arrays, small integers, casts, and what the collector has to keep while it frees the rest.
;;! needs garbage-collection "engine `{engine}` has no garbage collection, which module `main` needs"
;;! call f
;;! = ok "3 7 5 1 0 42 1 "
;;! call churn
;;! = ok "1000 "
(module
  ;;% include print
  (type $bytes (array (mut i8)))
  (type $list (sub (struct (field $value (mut i64)) (field $next (ref null $list)))))
  (type $named (sub $list (struct (field (mut i64)) (field (ref null $list)) (field $name (ref $bytes)))))
  (data $text "hello")
  (func $length (param $list (ref null $list)) (result i64) (local $count i64)
    (block $end
      (loop $next
        (br_if $end (ref.is_null (local.get $list)))
        (local.set $count (i64.add (local.get $count) (i64.const 1)))
        (local.set $list (struct.get $list $next (local.get $list)))
        (br $next)))
    (local.get $count))
  (func (export "f") (local $list (ref null $list)) (local $bytes (ref $bytes))
    (local.set $bytes (array.new_data $bytes $text (i32.const 0) (i32.const 5)))
    (local.set $list (struct.new $list (i64.const 1) (ref.null $list)))
    (local.set $list (struct.new $list (i64.const 2) (local.get $list)))
    (local.set $list (struct.new $named (i64.const 7) (local.get $list) (local.get $bytes)))
    (call $begin)
    (call $print (call $length (local.get $list)))
    (call $print (struct.get $list $value (local.get $list)))
    (call $print (i64.extend_i32_u (array.len (struct.get $named $name (ref.cast (ref $named) (local.get $list))))))
    (call $print (i64.extend_i32_u (ref.test (ref $named) (local.get $list))))
    (call $print (i64.extend_i32_u (ref.test (ref $named) (struct.get $list $next (local.get $list)))))
    (call $print (i64.extend_i32_u (i31.get_u (ref.i31 (i32.const 42)))))
    (call $print (i64.extend_i32_u (ref.eq (ref.i31 (i32.const 1)) (ref.i31 (i32.const 1)))))
    (call $done))
  ;; Much more garbage than the memory limit; a list of 1000 stays alive, with a cycle in what does not.
  (func (export "churn") (local $kept (ref null $list)) (local $i i32) (local $j i32)
    (local.set $i (i32.const 1000))
    (loop $outer
      (local.set $kept (struct.new $list (i64.const 1) (local.get $kept)))
      (local.set $j (i32.const 200))
      (loop $inner
        (drop (array.new $bytes (i32.const 7) (i32.const 5000)))
        (br_if $inner (local.tee $j (i32.sub (local.get $j) (i32.const 1)))))
      (br_if $outer (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
    (call $answer (call $length (local.get $kept)))))
