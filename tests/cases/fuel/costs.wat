;; What single things cost. A unit is about an instruction; `end` of a block counts as one.
;;! fuel 1000000
(module
  (memory (export "memory") 1 10)
  (table 4 100 funcref)
  (global $n (mut i32) (i32.const 0))
  ;; A function of at most 32 instructions without loops and calls is paid for by who calls it.
  (func (export "short") (global.set $n (i32.const 1)))
  ;; 42 for the call, and 1 for the end of the function.
  (func $none)
  (func (export "call") (call $none))
  (func (export "call_twice") (call $none) (call $none))
  ;; Charged as a whole where it is entered: 42 + 4 whichever way is taken.
  (func (export "branch") (if (global.get $n) (then (call $none))))
  ;; 8 for a turn (loop, 5, br_if, end), ten turns; 3 around.
  (func (export "loop") (local $i i32)
    (local.set $i (i32.const 10))
    (loop $l (br_if $l (local.tee $i (i32.sub (local.get $i) (i32.const 1))))))
  ;; One for 64 bytes, rounded down.
  (func (export "fill_0") (memory.fill (i32.const 0) (i32.const 0) (i32.const 63)))
  (func (export "fill_1024") (memory.fill (i32.const 0) (i32.const 0) (i32.const 65536)))
  ;; A thousand.
  (func (export "grow") (drop (memory.grow (i32.const 1))))
  ;; One for four elements.
  (func (export "table_grow") (drop (table.grow (ref.null func) (i32.const 40)))))
;;! call short
;;! fuel-consumed
;;! call call
;;! fuel-consumed
;;! call call_twice
;;! fuel-consumed
;;! call branch
;;! fuel-consumed
;;! call loop
;;! fuel-consumed
;;! call fill_0
;;! fuel-consumed
;;! call fill_1024
;;! fuel-consumed
;;! call grow
;;! fuel-consumed
;;! call table_grow
;;! fuel-consumed
