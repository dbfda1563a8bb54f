;; Tables of two labels, short and long, with every index: engines get tests of bits for some of them.
(module
  (memory 1)
  (data (i32.const 0) "00100")
  (data (i32.const 128) "11110010111100101110111111110011110011")
  (data (i32.const 256) "00110100101000001001101001000101111100000100101100100100011100110")
  (data (i32.const 384) "101100001110011101100110010100000000110100110001010000000110000001")
  (func $short (param $index i32) (result i32)
    (block $no
      (block $yes (br_table 1 1 0 1 1 (local.get $index)))
      (return (i32.const 1)))
    (i32.const 0))
  (func $half (param $index i32) (result i32)
    (block $no
      (block $yes (br_table 0 0 0 0 1 1 0 1 0 0 0 0 1 1 0 1 0 0 0 1 0 0 0 0 0 0 0 0 1 1 0 0 0 0 1 1 0 0
        (local.get $index)))
      (return (i32.const 1)))
    (i32.const 0))
  (func $full (param $index i32) (result i32)
    (block $no
      (block $yes (br_table 1 1 0 0 1 0 1 1 0 1 0 1 1 1 1 1 0 1 1 0 0 1 0 1 1 0 1 1 1 0 1 0 0 0 0 0 1 1 1 1 1 0 1 1 0 1
        0 0 1 1 0 1 1 0 1 1 1 0 0 0 1 1 0 0 1 (local.get $index)))
      (return (i32.const 1)))
    (i32.const 0))
  (func $long (param $index i32) (result i32)
    (block $no
      (block $yes (br_table 0 1 0 0 1 1 1 1 0 0 0 1 1 0 0 0 1 0 0 1 1 0 0 1 1 0 1 0 1 1 1 1 1 1 1 1 0 0 1 0 1 1 0 0 1 1
        1 0 1 0 1 1 1 1 1 1 1 0 0 1 1 1 1 1 1 0 (local.get $index)))
      (return (i32.const 1)))
    (i32.const 0))
  ;; How many answers differ from those in the memory: for indices from -100 to 199.
  (func (export "short") (result i32) (local $index i32) (local $wrong i32)
    (local.set $index (i32.const -100))
    (loop $l
      (local.set $wrong (i32.add (local.get $wrong) (i32.ne (call $short (local.get $index))
        (i32.sub (i32.load8_u offset=0 (select (local.get $index) (i32.const 4)
          (i32.lt_u (local.get $index) (i32.const 4)))) (i32.const 48)))))
      (br_if $l (i32.lt_s (local.tee $index (i32.add (local.get $index) (i32.const 1))) (i32.const 200))))
    (local.get $wrong))
  ;; How many answers differ from those in the memory: for indices from -100 to 199.
  (func (export "half") (result i32) (local $index i32) (local $wrong i32)
    (local.set $index (i32.const -100))
    (loop $l
      (local.set $wrong (i32.add (local.get $wrong) (i32.ne (call $half (local.get $index))
        (i32.sub (i32.load8_u offset=128 (select (local.get $index) (i32.const 37)
          (i32.lt_u (local.get $index) (i32.const 37)))) (i32.const 48)))))
      (br_if $l (i32.lt_s (local.tee $index (i32.add (local.get $index) (i32.const 1))) (i32.const 200))))
    (local.get $wrong))
  ;; How many answers differ from those in the memory: for indices from -100 to 199.
  (func (export "full") (result i32) (local $index i32) (local $wrong i32)
    (local.set $index (i32.const -100))
    (loop $l
      (local.set $wrong (i32.add (local.get $wrong) (i32.ne (call $full (local.get $index))
        (i32.sub (i32.load8_u offset=256 (select (local.get $index) (i32.const 64)
          (i32.lt_u (local.get $index) (i32.const 64)))) (i32.const 48)))))
      (br_if $l (i32.lt_s (local.tee $index (i32.add (local.get $index) (i32.const 1))) (i32.const 200))))
    (local.get $wrong))
  ;; How many answers differ from those in the memory: for indices from -100 to 199.
  (func (export "long") (result i32) (local $index i32) (local $wrong i32)
    (local.set $index (i32.const -100))
    (loop $l
      (local.set $wrong (i32.add (local.get $wrong) (i32.ne (call $long (local.get $index))
        (i32.sub (i32.load8_u offset=384 (select (local.get $index) (i32.const 65)
          (i32.lt_u (local.get $index) (i32.const 65)))) (i32.const 48)))))
      (br_if $l (i32.lt_s (local.tee $index (i32.add (local.get $index) (i32.const 1))) (i32.const 200))))
    (local.get $wrong)))
;;! call short
;;! = ok ""
;;! call half
;;! = ok ""
;;! call full
;;! = ok ""
;;! call long
;;! = ok ""
