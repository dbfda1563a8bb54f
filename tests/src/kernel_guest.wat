;; A guest that runs a script of operations and keeps what each returned.
;;
;; `load` takes the script from the input into the guest's own memory, `run` executes it, `results`
;; outputs what the operations returned. They are three calls, so `run` finds the kernel as every
;; call finds it (the host resets it between the first two) and may leave it in any state.
;;
;; A script is a list of records of 24 bytes:
;;    0 u8  operation     position in $operations
;;    2 u16 register      of the first operand: position of an earlier record, 0xffff none
;;    4 u16 register      of the second operand
;;    8 i64 addend        of the first operand
;;   16 i64 addend        of the second operand
;; Results lie at 2 MiB, 8 bytes for each record.
;;
;; The lines `;;% …` stand for text that kernel.rs makes from the table of kernel functions.
(module
  ;;% imports

  (memory 40)
  (global $records (mut i32) (i32.const 0))
  (type $operation (func (param i64 i64) (result i64)))

  ;;% operations

  (func $operand (param $register i32) (param $addend i64) (result i64)
    (i64.add
      (local.get $addend)
      (if (result i64) (i32.eq (local.get $register) (i32.const 0xffff))
        (then (i64.const 0))
        (else
          (i64.load offset=0x200000 (i32.shl (local.get $register) (i32.const 3)))))))

  (func (export "load")
    (local $at i64)
    (loop $next
      (if (i64.lt_u (local.get $at) (call $input_length))
        (then
          (i64.store (i32.wrap_i64 (local.get $at)) (call $input_load_u64 (local.get $at)))
          (local.set $at (i64.add (local.get $at) (i64.const 8)))
          (br $next))))
    (global.set $records
      (i32.wrap_i64 (i64.div_u (call $input_length) (i64.const 24)))))

  (func (export "run")
    (local $record i32) (local $at i32)
    (loop $next
      (if (i32.lt_u (local.get $record) (global.get $records))
        (then
          (local.set $at (i32.mul (local.get $record) (i32.const 24)))
          (i64.store offset=0x200000 (i32.shl (local.get $record) (i32.const 3))
            (call_indirect (type $operation)
              (call $operand
                (i32.load16_u offset=2 (local.get $at)) (i64.load offset=8 (local.get $at)))
              (call $operand
                (i32.load16_u offset=4 (local.get $at)) (i64.load offset=16 (local.get $at)))
              (i32.load8_u (local.get $at))))
          (local.set $record (i32.add (local.get $record) (i32.const 1)))
          (br $next)))))

  (func (export "results")
    (local $record i32) (local $block i64) (local $length i64)
    (local.set $length (i64.shl (i64.extend_i32_u (global.get $records)) (i64.const 3)))
    (local.set $block (call $alloc (local.get $length)))
    (loop $next
      (if (i32.lt_u (local.get $record) (global.get $records))
        (then
          (call $store_u64
            (i64.add
              (local.get $block)
              (i64.shl (i64.extend_i32_u (local.get $record)) (i64.const 3)))
            (i64.load offset=0x200000 (i32.shl (local.get $record) (i32.const 3))))
          (local.set $record (i32.add (local.get $record) (i32.const 1)))
          (br $next))))
    (call $output_set (local.get $block) (local.get $length))))
