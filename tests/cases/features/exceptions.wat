;; Exceptions: with values, by reference, through other functions, out of loops; and what nobody catches.
;;! needs exceptions "engine `{engine}` has no exceptions, which module `main` needs"
;;! call f
;;! = ok "7 9 11 12 100 5 "
;;! call uncaught
;;! = error trap(uncaught-exception) "the guest trapped: uncaught exception"
;;! call f
;;! = ok "7 9 11 12 100 5 "
;;! call trap
;;! = error trap(divide-by-zero) "the guest trapped: integer divide by zero"
(module
  ;;% include print
  (tag $one (param i64))
  (tag $two (param i64 i64))
  (tag $none)
  (func $throws (param $which i32) (result i64)
    (if (i32.eqz (local.get $which)) (then (throw $one (i64.const 7))))
    (if (i32.eq (local.get $which) (i32.const 1)) (then (throw $two (i64.const 4) (i64.const 5))))
    (if (i32.eq (local.get $which) (i32.const 2)) (then (throw $none)))
    (i64.const 12))
  (func $caught (param $which i32) (result i64)
    (block $all
      (block $both (result i64 i64)
        (block $single (result i64)
          (try_table (result i64) (catch $one $single) (catch $two $both) (catch_all $all)
            (call $throws (local.get $which)))
          (return))
        (return))
      (return (i64.add)))
    (i64.const 11))
  ;; Throws again what it has caught.
  (func $again (param $which i32) (result i64)
    (block $reference (result exnref)
      (try_table (catch_all_ref $reference) (return (call $throws (local.get $which))))
      unreachable)
    (throw_ref))
  (func (export "f") (local $i i64)
    (call $begin)
    (call $print (call $caught (i32.const 0)))
    (call $print (call $caught (i32.const 1)))
    (call $print (call $caught (i32.const 2)))
    (call $print (call $caught (i32.const 3)))
    ;; A loop whose turns end by exceptions.
    (loop $turn
      (local.set $i (i64.add (local.get $i) (i64.const 1)))
      (if (i64.lt_u (local.get $i) (i64.const 100)) (then
        (block $caught
          (try_table (catch $none $caught) (drop (call $throws (i32.const 2)))))
        (br $turn))))
    (call $print (local.get $i))
    (call $print (i64.sub (block $one (result i64)
      (try_table (result i64) (catch $one $one) (call $again (i32.const 0)))) (i64.const 2)))
    (call $done))
  (func (export "uncaught") (drop (call $again (i32.const 1))))
  ;; A trap is no exception.
  (func (export "trap")
    (block $all (try_table (catch_all $all) (drop (i64.div_u (i64.const 1) (i64.const 0)))))))
