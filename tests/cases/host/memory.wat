;; A host function sees the memory that its caller exports, also after it has grown.
;;! function sum
;;! call start
;;! = ok "3 "
;;! call grown
;;! = ok "7 "
;;! call outside
;;! = ok "0 "
(module
  (import "env" "sum" (func $sum (param i32 i32) (result i64)))
  ;;% include print
  (memory (export "memory") 1)
  (data (i32.const 65534) "\01\02")
  (func (export "start") (call $answer (call $sum (i32.const 65534) (i32.const 10))))
  (func (export "grown")
    (drop (memory.grow (i32.const 1)))
    (i32.store8 (i32.const 65536) (i32.const 4))
    (call $answer (call $sum (i32.const 65534) (i32.const 10))))
  (func (export "outside") (call $answer (call $sum (i32.const -1) (i32.const 10)))))
