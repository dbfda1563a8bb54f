;; What single things cost. A unit is an instruction that is executed; `block`, `loop`, `else` and `end` are none.
;;! fuel 1000000
(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (memory (export "memory") 1 10)
  (table 4 100 funcref)
  (global $n (mut i32) (i32.const 0))
  (func (export "nothing"))
  (func (export "marks") (block (block) (loop)))
  ;; `i32.const`, `global.set`.
  (func (export "set") (global.set $n (i32.const 1)))
  (func $none)
  (func (export "call") (call $none))
  ;; `global.get`, `if`, and an arm if it is taken: not, before `set` is called.
  (func (export "branch") (if (global.get $n) (then (call $none))))
  (func (export "arms") (if (global.get $n) (then nop) (else nop nop)))
  ;; 5 for each turn, ten turns; 2 before.
  (func (export "loop") (local $i i32)
    (local.set $i (i32.const 10))
    (loop $l (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1))))))
  ;; 2 for the switch, and the arm that is taken: 3, or 7.
  (func (export "switch")
    (block $c (block $b (block $a (br_table $a $b $c (global.get $n)))
      nop nop return)
      memory.size drop memory.size drop memory.size drop return))
  ;; One for 64 bytes, rounded down.
  (func (export "fill_0") (memory.fill (i32.const 0) (i32.const 0) (i32.const 63)))
  (func (export "fill_1024") (memory.fill (i32.const 0) (i32.const 0) (i32.const 65536)))
  ;; A thousand.
  (func (export "grow") (drop (memory.grow (i32.const 1))))
  ;; One for four elements.
  (func (export "table_grow") (drop (table.grow (ref.null func) (i32.const 40))))
  ;; Whatever it takes, and whether it is a call in the end or not.
  (func (export "kernel") (drop (call $alloc (i64.const 100000)))))
;;! call nothing
;;! = ok ""
;;! fuel-consumed
;;! = ok "0"
;;! call marks
;;! = ok ""
;;! fuel-consumed
;;! = ok "0"
;;! call branch
;;! = ok ""
;;! fuel-consumed
;;! = ok "2"
;;! call arms
;;! = ok ""
;;! fuel-consumed
;;! = ok "4"
;;! call switch
;;! = ok ""
;;! fuel-consumed
;;! = ok "5"
;;! call set
;;! = ok ""
;;! fuel-consumed
;;! = ok "2"
;;! call branch
;;! = ok ""
;;! fuel-consumed
;;! = ok "3"
;;! call arms
;;! = ok ""
;;! fuel-consumed
;;! = ok "3"
;;! call switch
;;! = ok ""
;;! fuel-consumed
;;! = ok "9"
;;! call call
;;! = ok ""
;;! fuel-consumed
;;! = ok "1"
;;! call loop
;;! = ok ""
;;! fuel-consumed
;;! = ok "52"
;;! call fill_0
;;! = ok ""
;;! fuel-consumed
;;! = ok "4"
;;! call fill_1024
;;! = ok ""
;;! fuel-consumed
;;! = ok "1028"
;;! call grow
;;! = ok ""
;;! fuel-consumed
;;! = ok "1002"
;;! call table_grow
;;! = ok ""
;;! fuel-consumed
;;! = ok "14"
;;! call kernel
;;! = ok ""
;;! fuel-consumed
;;! = ok "3"
