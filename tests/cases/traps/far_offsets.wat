;; Constant offsets around the size of what engines reserve behind a memory, from addresses inside and far outside.
;;! call inside
;;! = ok "7 "
;;! call outside
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call load_0x1fffff0
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call store_0x1fffff0
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call load_0x1fffff8
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call store_0x1fffff8
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call load_0x1fffff9
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call store_0x1fffff9
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call load_0x2000000
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call store_0x2000000
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call load_0x7fffffff
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call store_0x7fffffff
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call load_0x80000000
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call store_0x80000000
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call load_0xfffffff8
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call store_0xfffffff8
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call load_0xffffffff
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call store_0xffffffff
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call inside
;;! = ok "7 "
(module
  ;;% include print
  (memory 513)
  (global $near (mut i32) (i32.const 0xfff8))
  (global $far (mut i32) (i32.const -1))
  (func (export "inside")
    (i64.store offset=0x2000000 (global.get $near) (i64.const 7))
    (call $answer (i64.load offset=0x2000000 (global.get $near))))
  (func (export "outside")
    (drop (i64.load offset=0x2000001 (global.get $near))))
  (func (export "load_0x1fffff0") (drop (i64.load offset=0x1fffff0 (global.get $far))))
  (func (export "store_0x1fffff0") (i64.store offset=0x1fffff0 (global.get $far) (i64.const 1)))
  (func (export "load_0x1fffff8") (drop (i64.load offset=0x1fffff8 (global.get $far))))
  (func (export "store_0x1fffff8") (i64.store offset=0x1fffff8 (global.get $far) (i64.const 1)))
  (func (export "load_0x1fffff9") (drop (i64.load offset=0x1fffff9 (global.get $far))))
  (func (export "store_0x1fffff9") (i64.store offset=0x1fffff9 (global.get $far) (i64.const 1)))
  (func (export "load_0x2000000") (drop (i64.load offset=0x2000000 (global.get $far))))
  (func (export "store_0x2000000") (i64.store offset=0x2000000 (global.get $far) (i64.const 1)))
  (func (export "load_0x7fffffff") (drop (i64.load offset=0x7fffffff (global.get $far))))
  (func (export "store_0x7fffffff") (i64.store offset=0x7fffffff (global.get $far) (i64.const 1)))
  (func (export "load_0x80000000") (drop (i64.load offset=0x80000000 (global.get $far))))
  (func (export "store_0x80000000") (i64.store offset=0x80000000 (global.get $far) (i64.const 1)))
  (func (export "load_0xfffffff8") (drop (i64.load offset=0xfffffff8 (global.get $far))))
  (func (export "store_0xfffffff8") (i64.store offset=0xfffffff8 (global.get $far) (i64.const 1)))
  (func (export "load_0xffffffff") (drop (i64.load offset=0xffffffff (global.get $far))))
  (func (export "store_0xffffffff") (i64.store offset=0xffffffff (global.get $far) (i64.const 1))))
