;; A fixed clock moves by a microsecond for each look and by the time of each wait; seeded
;; randomness is the same in every run, in one piece or in several.
;;! wasi clock 1700000000000000000
;;! wasi seed 7
;;! call clocks
;;! = ok "1700000000000001000 1700000000000002000 3000 1000 1000 "
;;! call wait
;;! = ok "1 42 0 2004000 "
;;! call wait_until
;;! = ok "1700000000002005000 1 42 0 1700000000003007000 3008000 1 42 0 4010000 "
;;! call clocks
;;! = ok "1700000000004011000 1700000000004012000 4013000 1000 1000 "
;;! call random
;;! = ok "403431491809765822 -6878496561083404874 "
;;! call random
;;! = ok "-5402898081082778713 3308360297337554904 "
;;! call random_large
;;! = ok "7208872705895597903 -5407948527723016850 0 "
(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_res_get" (func $resolution (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
  ;;% include print
  (memory (export "memory") 8)
  (func $errno (param i32) (if (local.get 0) (then unreachable)))
  (func $show (param $clock i32)
    (call $errno (call $time (local.get $clock) (i64.const 1) (i32.const 0)))
    (call $print (i64.load (i32.const 0))))
  (func (export "clocks")
    (call $begin)
    (call $show (i32.const 0))
    (call $show (i32.const 0))
    (call $show (i32.const 1))
    (call $errno (call $resolution (i32.const 0) (i32.const 0)))
    (call $print (i64.load (i32.const 0)))
    (call $errno (call $resolution (i32.const 1) (i32.const 0)))
    (call $print (i64.load (i32.const 0)))
    (call $done))
  (func $subscribe (param $clock i32) (param $timeout i64) (param $flags i32)
    (i64.store (i32.const 64) (i64.const 42))
    (i32.store8 (i32.const 72) (i32.const 0))
    (i32.store (i32.const 80) (local.get $clock))
    (i64.store (i32.const 88) (local.get $timeout))
    (i64.store (i32.const 96) (i64.const 0))
    (i32.store16 (i32.const 104) (local.get $flags))
    (call $errno (call $poll (i32.const 64) (i32.const 128) (i32.const 1) (i32.const 0)))
    (call $print (i64.load32_u (i32.const 0)))
    (call $print (i64.load (i32.const 128)))
    (call $print (i64.load32_u (i32.const 136))))
  ;; Two milliseconds.
  (func (export "wait")
    (call $begin)
    (call $subscribe (i32.const 1) (i64.const 2000000) (i32.const 0))
    (call $show (i32.const 1))
    (call $done))
  ;; Until a millisecond after what a look shows, on both clocks.
  (func (export "wait_until")
    (call $begin)
    (call $show (i32.const 0))
    (call $subscribe (i32.const 0) (i64.add (i64.load (i32.const 0)) (i64.const 1000000)) (i32.const 1))
    (call $show (i32.const 0))
    (call $show (i32.const 1))
    (call $subscribe (i32.const 1) (i64.add (i64.load (i32.const 0)) (i64.const 1000000)) (i32.const 1))
    (call $show (i32.const 1))
    (call $done))
  (func (export "random")
    (call $begin)
    (call $errno (call $random (i32.const 0) (i32.const 16)))
    (call $print (i64.load (i32.const 0)))
    (call $print (i64.load (i32.const 8)))
    (call $done))
  ;; More than the host draws at once.
  (func (export "random_large")
    (call $begin)
    (call $errno (call $random (i32.const 16) (i32.const 300000)))
    (call $print (i64.load (i32.const 65552)))
    (call $print (i64.load (i32.const 300008)))
    (call $print (i64.load (i32.const 300016)))
    (call $done)))
