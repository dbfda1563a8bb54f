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
  ;; 6 for a turn (the loop itself and 5 instructions), ten turns; 4 around.
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
;;! = ok ""
;;! fuel-consumed
;;! = ok "0"
;;! call call
;;! = ok ""
;;! fuel-consumed
;;! = ok "43"
;;! call call_twice
;;! = ok ""
;;! fuel-consumed
;;! = ok "85"
;;! call branch
;;! = ok ""
;;! fuel-consumed
;;! = ok "46"
;;! call loop
;;! = ok ""
;;! fuel-consumed
;;! = ok "64"
;;! call fill_0
;;! = ok ""
;;! fuel-consumed
;;! = ok "5"
;;! call fill_1024
;;! = ok ""
;;! fuel-consumed
;;! = ok "1029"
;;! call grow
;;! = ok ""
;;! fuel-consumed
;;! = ok "1003"
;;! call table_grow
;;! = ok ""
;;! fuel-consumed
;;! = ok "15"
