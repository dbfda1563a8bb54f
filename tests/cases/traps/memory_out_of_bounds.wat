;; Loads, stores and bulk operations; the last byte is inside.
;;! call last
;;! = ok "0 "
;;! call load8
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call load64
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call load_far
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call load_offset
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call store8
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call store32
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call fill
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call fill_none
;;! = ok ""
;;! call fill_none_outside
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call copy_from
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call copy_to
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call init_to
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call init_from
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call init_dropped
;;! = error trap(memory-out-of-bounds) "the guest trapped: out of bounds memory access"
;;! call fine
;;! = ok "1 "
(module
  ;;% include print
  (memory 1)
  (data $data "abc")
  (global $end (mut i32) (i32.const 65536))
  (func (export "last") (call $answer (i64.extend_i32_u
    (i32.load8_u (i32.sub (global.get $end) (i32.const 1))))))
  (func (export "load8") (drop (i32.load8_u (global.get $end))))
  (func (export "load64") (drop (i64.load (i32.sub (global.get $end) (i32.const 7)))))
  (func (export "load_far") (drop (i32.load (i32.const -1))))
  (func (export "load_offset") (drop (i32.load offset=0xffffffff (global.get $end))))
  (func (export "store8") (i32.store8 (global.get $end) (i32.const 1)))
  (func (export "store32") (i32.store (i32.sub (global.get $end) (i32.const 3)) (i32.const 1)))
  (func (export "fill") (memory.fill (i32.const 65530) (i32.const 1) (i32.const 7)))
  (func (export "fill_none") (memory.fill (global.get $end) (i32.const 1) (i32.const 0)))
  (func (export "fill_none_outside") (memory.fill (i32.const 65537) (i32.const 1) (i32.const 0)))
  (func (export "copy_from") (memory.copy (i32.const 0) (i32.const 65530) (i32.const 7)))
  (func (export "copy_to") (memory.copy (i32.const 65530) (i32.const 0) (i32.const 7)))
  (func (export "init_to") (memory.init $data (i32.const 65534) (i32.const 0) (i32.const 3)))
  (func (export "init_from") (memory.init $data (i32.const 0) (i32.const 1) (i32.const 3)))
  (func (export "init_dropped")
    (data.drop $data) (memory.init $data (i32.const 0) (i32.const 0) (i32.const 1)))
  (func (export "fine") (call $answer (i64.const 1))))
