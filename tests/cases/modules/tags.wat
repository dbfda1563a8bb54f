;; Tags are imported and exported like other things: what one module throws another catches, by the same tag only.
;;! needs exceptions "engine `{engine}` has no exceptions, which module `lib` needs"
;;! call f
;;! = ok "7 1 8 "
;;! module lib
(module
  (tag $mine (export "tag") (param i64))
  (tag (export "other") (param i64))
  (func (export "throws") (throw $mine (i64.const 7)))
  (func (export "calls") (param $f funcref)
    (table.set 0 (i32.const 0) (local.get $f))
    (call_indirect (i32.const 0)))
  (table 1 funcref))
;;! module main
(module
  (import "lib" "tag" (tag $tag (param i64)))
  (import "lib" "other" (tag $other (param i64)))
  (import "lib" "throws" (func $throws))
  (import "lib" "calls" (func $calls (param funcref)))
  ;;% include print
  (elem declare func $back)
  (func $back (throw $tag (i64.const 8)))
  (func (export "f")
    (call $begin)
    (call $print (block $caught (result i64)
      (try_table (catch $other $caught) (catch $tag $caught) (call $throws))
      (i64.const 0)))
    (block $all
      (drop (block $caught (result i64)
        (try_table (catch $other $caught) (catch_all $all) (call $throws))
        (i64.const 0)))
      (call $print (i64.const 0)))
    (call $print (i64.const 1))
    ;; Through a function of the other module and back.
    (call $print (block $caught (result i64)
      (try_table (catch $tag $caught) (call $calls (ref.func $back)))
      (i64.const 0)))
    (call $done)))
