;; The guest's half of the kernel: a memory of its own, and the functions by which a guest reaches it.
;; The host's half is arena.rs; both work on the same layout and a test compares them.
;;
;; The first 64 bytes are the root, out of reach of every guest-supplied address. Its fields are i32:
;;    0 position       the first free address
;;    4 dirty          no byte at or above it was ever handed out
;;    8 heads          address of the free lists, 0 until something is freed
;;   12 generation     counts resets; a block of an earlier generation is dead
;;   16 words          at how many addresses behind the root a guest finds eight bytes: the size of the
;;                     memory less 71
;;   20 error          address of the error text, 0 if none
;;   24 input_offset   28 input_length
;;   32 output_offset  36 output_length
;;   40 input_words    at how many offsets of the input a guest finds eight bytes
;;   44 error_length   of the block at `error` when it was set; the guest may have freed that since
;;   48 flag           set by the host while the guest is to look whether it has to stop
;; The host writes the root before any guest code runs, and `words` whenever it grows the memory.
;; Blocks follow. A block is a header of 16 bytes and data, both aligned to 16:
;;    0 i64 tag            made of address and generation while the block is live, its complement
;;                         once it is freed: so `length` needs no walk
;;    8 i32 length         12 i32 capacity
;; The length of a freed block is the address of the next one on its list. So the data of a block stay as they
;; are when it is freed: guests free what they have made the output or the error, and read what they have freed.
;; A guest can overwrite headers by stores; it harms only itself, because whatever is read from
;; a header is checked before it is used as an address.
(module
  (memory (export "memory") 1 65535)

  (func $size (result i64)
    (i64.shl (i64.extend_i32_u (memory.size)) (i64.const 16)))

  ;; Whether `length` bytes from `p` lie between the root and the end of the memory.
  (func $inside (param $p i64) (param $length i64) (result i32)
    (if (result i32)
      (i32.and (i64.ge_u (local.get $p) (i64.const 64)) (i64.lt_u (local.get $p) (call $size)))
      (then (i64.le_u (local.get $length) (i64.sub (call $size) (local.get $p))))
      (else (i32.const 0))))

  (func $tag (param $p i64) (result i64)
    (i64.mul
      (i64.xor (local.get $p) (i64.shl (i64.load32_u (i32.const 12)) (i64.const 32)))
      (i64.const 0x9e3779b97f4a7c15)))

  ;; Whether the header before `p` can be read and carries `tag`.
  (func $tagged (param $p i64) (param $tag i64) (result i32)
    (if (result i32)
      (i32.and
        (i64.eqz (i64.and (local.get $p) (i64.const 15)))
        (i32.and
          (i64.ge_u (local.get $p) (i64.const 80))
          (i64.le_u (local.get $p) (call $size))))
      (then
        (i64.eq
          (i64.load (i32.wrap_i64 (i64.sub (local.get $p) (i64.const 16))))
          (local.get $tag)))
      (else (i32.const 0))))

  (func $live (param $p i64) (result i32)
    (call $tagged (local.get $p) (call $tag (local.get $p))))

  ;; The distance between size classes around `length`: four for each power of two, 16 at least.
  (func $step (param $length i64) (result i64)
    (if (result i64) (i64.le_u (local.get $length) (i64.const 64))
      (then (i64.const 16))
      (else
        (i64.shl
          (i64.const 1)
          (i64.sub (i64.const 61) (i64.clz (i64.sub (local.get $length) (i64.const 1))))))))

  ;; The address of the head of the list of the largest size class that is not above `capacity`.
  (func $slot (param $capacity i64) (result i32)
    (i32.add
      (i32.load (i32.const 8))
      (i32.shl
        (i32.wrap_i64
          (if (result i64) (i64.le_u (local.get $capacity) (i64.const 64))
            (then (i64.sub (i64.shr_u (local.get $capacity) (i64.const 4)) (i64.const 1)))
            (else
              (i64.add
                (i64.sub
                  (i64.shl
                    (i64.sub
                      (i64.const 57)
                      (i64.clz (i64.sub (local.get $capacity) (i64.const 1))))
                    (i64.const 2))
                  (i64.const 1))
                (i64.div_u (local.get $capacity) (call $step (local.get $capacity)))))))
        (i32.const 2))))

  ;; Whether the output or the error text have bytes from `p` on and before `end`.
  (func $kept (param $p i64) (param $end i64) (result i32)
    (i32.or
      (call $meet (local.get $p) (local.get $end)
        (i64.load32_u (i32.const 32)) (i64.load32_u (i32.const 36)))
      (call $meet (local.get $p) (local.get $end)
        (i64.load32_u (i32.const 20)) (i64.load32_u (i32.const 44)))))

  ;; Whether any of `length` bytes from `at` lie from `p` on and before `end`.
  (func $meet (param $p i64) (param $end i64) (param $at i64) (param $length i64) (result i32)
    (i32.and
      (i64.lt_u (local.get $at) (local.get $end))
      (i64.lt_u (local.get $p) (i64.add (local.get $at) (local.get $length)))))

  ;; Takes a freed block of the size class `capacity` from its list; 0 if there is none.
  (func $pop (param $capacity i64) (result i64)
    (local $slot i32) (local $p i64) (local $has i64)
    (local.set $slot (call $slot (local.get $capacity)))
    (local.set $p (i64.load32_u (local.get $slot)))
    (if (i64.eqz (local.get $p)) (then (return (i64.const 0))))
    (if (call $tagged (local.get $p) (i64.xor (call $tag (local.get $p)) (i64.const -1)))
      (then
        (local.set $has (i64.load32_u (i32.wrap_i64 (i64.sub (local.get $p) (i64.const 4)))))
        (if
          (i32.and
            (i64.ge_u (local.get $has) (local.get $capacity))
            (i64.le_u (i64.add (local.get $p) (local.get $has)) (i64.load32_u (i32.const 0))))
          (then
            ;; What the host reads when the call ends is not handed out again.
            (if (call $kept (local.get $p) (i64.add (local.get $p) (local.get $has)))
              (then (return (i64.const 0))))
            (i32.store (local.get $slot)
              (i32.load (i32.wrap_i64 (i64.sub (local.get $p) (i64.const 8)))))
            (return (local.get $p))))))
    ;; The guest has overwritten the list: forget it.
    (i32.store (local.get $slot) (i32.const 0))
    (i64.const 0))

  ;; Space for `capacity` bytes and a header before them; 0 if there is none. Freed blocks are used
  ;; again only when the memory would have to grow: language kits free handles that a builtin has
  ;; freed already, and must not hit a block that was just handed out.
  (func $place (param $capacity i64) (result i64)
    (local $p i64) (local $end i64) (local $freed i64)
    (local.set $p (i64.add (i64.load32_u (i32.const 0)) (i64.const 16)))
    (local.set $end (i64.add (local.get $p) (local.get $capacity)))
    (if (i64.gt_u (local.get $end) (call $size))
      (then
        (if (i32.load (i32.const 8))
          (then
            (local.set $freed (call $pop (local.get $capacity)))
            (if (i64.ne (local.get $freed) (i64.const 0)) (then (return (local.get $freed))))))
        (if (i64.gt_u (local.get $end) (i64.const 0xffff0000)) (then (return (i64.const 0))))
        (if
          (i32.eq
            (memory.grow
              (i32.wrap_i64
                (i64.shr_u
                  (i64.add (i64.sub (local.get $end) (call $size)) (i64.const 65535))
                  (i64.const 16))))
            (i32.const -1))
          (then (return (i64.const 0))))
        (i32.store (i32.const 16)
          (i32.sub (i32.shl (memory.size) (i32.const 16)) (i32.const 71)))))
    (i64.store32 (i32.const 0) (local.get $end))
    (i32.store (i32.wrap_i64 (i64.sub (local.get $p) (i64.const 4)))
      (i32.wrap_i64 (local.get $capacity)))
    (local.get $p))

  (func $alloc (export "alloc") (param $length i64) (result i64)
    (local $capacity i64) (local $p i64) (local $end i64) (local $dirty i64)
    (if (i64.eqz (local.get $length)) (then (return (i64.const 0))))
    (if (i64.gt_u (local.get $length) (i64.const 0xffff0000)) (then (return (i64.const 0))))
    (local.set $capacity (call $step (local.get $length)))
    (local.set $capacity
      (i64.and
        (i64.sub (i64.add (local.get $length) (local.get $capacity)) (i64.const 1))
        (i64.sub (i64.const 0) (local.get $capacity))))
    (local.set $p (call $place (local.get $capacity)))
    (if (i64.eqz (local.get $p)) (then (return (i64.const 0))))
    ;; A block is zeros: clear what was handed out before.
    (local.set $end (i64.add (local.get $p) (local.get $capacity)))
    (local.set $dirty (i64.load32_u (i32.const 4)))
    (if (i64.gt_u (local.get $dirty) (local.get $p))
      (then
        (memory.fill
          (i32.wrap_i64 (local.get $p))
          (i32.const 0)
          (i32.wrap_i64
            (i64.sub
              (select (local.get $end) (local.get $dirty)
                (i64.lt_u (local.get $end) (local.get $dirty)))
              (local.get $p))))))
    (if (i64.lt_u (local.get $dirty) (local.get $end))
      (then (i64.store32 (i32.const 4) (local.get $end))))
    (i64.store (i32.wrap_i64 (i64.sub (local.get $p) (i64.const 16))) (call $tag (local.get $p)))
    (i32.store (i32.wrap_i64 (i64.sub (local.get $p) (i64.const 8)))
      (i32.wrap_i64 (local.get $length)))
    (local.get $p))

  (func $free (export "free") (param $p i64)
    (local $capacity i64) (local $heads i64) (local $slot i32)
    (if (i32.eqz (call $live (local.get $p))) (then (return)))
    (if (i64.eq (local.get $p) (i64.load32_u (i32.const 24)))
      (then
        (i32.store (i32.const 28) (i32.const 0))
        (i32.store (i32.const 40) (i32.const 0))))
    (i64.store
      (i32.wrap_i64 (i64.sub (local.get $p) (i64.const 16)))
      (i64.xor (call $tag (local.get $p)) (i64.const -1)))
    (local.set $capacity (i64.load32_u (i32.wrap_i64 (i64.sub (local.get $p) (i64.const 4)))))
    ;; A header that the guest has overwritten: forget the block.
    (if
      (i32.or
        (i64.gt_u (i64.add (local.get $p) (local.get $capacity)) (i64.load32_u (i32.const 0)))
        (i64.lt_u (local.get $capacity) (i64.const 16)))
      (then (return)))
    (if (i32.eqz (i32.load (i32.const 8)))
      (then
        ;; No memory grows for this, as the host could not grow it: where there is no room for the lists, with
        ;; their header and rounded up, the block is only forgotten.
        (if
          (i64.gt_u
            (i64.add (i64.load32_u (i32.const 0)) (i64.const 464))
            (call $size))
          (then (return)))
        (local.set $heads (call $alloc (i64.const 432)))
        ;; No block of the guest's.
        (i64.store (i32.wrap_i64 (i64.sub (local.get $heads) (i64.const 16))) (i64.const 0))
        (i32.store (i32.const 8) (i32.wrap_i64 (local.get $heads)))))
    (local.set $slot (call $slot (local.get $capacity)))
    (i32.store (i32.wrap_i64 (i64.sub (local.get $p) (i64.const 8))) (i32.load (local.get $slot)))
    (i32.store (local.get $slot) (i32.wrap_i64 (local.get $p))))

  (func $length (export "length") (export "length_unsafe") (param $p i64) (result i64)
    (if (result i64) (call $live (local.get $p))
      (then (i64.load32_u (i32.wrap_i64 (i64.sub (local.get $p) (i64.const 8)))))
      (else (i64.const 0))))

  ;; The loads and stores are what guests spend their time in, and where they are called these
  ;; instructions stand in place of the call: one comparison, no call. The difference wraps below the
  ;; root, so it is too large there.
  (func (export "load_u8") (param $p i64) (result i32)
    (if (result i32)
      (i64.lt_u
        (i64.sub (local.get $p) (i64.const 64))
        (i64.add (i64.load32_u (i32.const 16)) (i64.const 7)))
      (then (i32.load8_u (i32.wrap_i64 (local.get $p))))
      (else (i32.const 0))))

  (func (export "load_u64") (param $p i64) (result i64)
    (if (result i64)
      (i64.lt_u (i64.sub (local.get $p) (i64.const 64)) (i64.load32_u (i32.const 16)))
      (then (i64.load align=1 (i32.wrap_i64 (local.get $p))))
      (else (i64.const 0))))

  (func (export "store_u8") (param $p i64) (param $value i32)
    (if
      (i64.lt_u
        (i64.sub (local.get $p) (i64.const 64))
        (i64.add (i64.load32_u (i32.const 16)) (i64.const 7)))
      (then (i32.store8 (i32.wrap_i64 (local.get $p)) (local.get $value)))))

  (func (export "store_u64") (param $p i64) (param $value i64)
    (if (i64.lt_u (i64.sub (local.get $p) (i64.const 64)) (i64.load32_u (i32.const 16)))
      (then (i64.store align=1 (i32.wrap_i64 (local.get $p)) (local.get $value)))))

  (func (export "input_offset") (result i64) (i64.load32_u (i32.const 24)))
  (func (export "input_length") (result i64) (i64.load32_u (i32.const 28)))

  ;; `input_set` and the host keep the input inside the memory, which never shrinks.
  (func (export "input_load_u8") (param $at i64) (result i32)
    (if (result i32) (i64.lt_u (local.get $at) (i64.load32_u (i32.const 28)))
      (then
        (i32.load8_u (i32.add (i32.load (i32.const 24)) (i32.wrap_i64 (local.get $at)))))
      (else (i32.const 0))))

  (func (export "input_load_u64") (param $at i64) (result i64)
    (if (result i64) (i64.lt_u (local.get $at) (i64.load32_u (i32.const 40)))
      (then
        (i64.load align=1 (i32.add (i32.load (i32.const 24)) (i32.wrap_i64 (local.get $at)))))
      (else (i64.const 0))))

  (func (export "input_set") (param $p i64) (param $length i64)
    (if (call $inside (local.get $p) (local.get $length))
      (then
        (i64.store (i32.const 24)
          (i64.or (local.get $p) (i64.shl (local.get $length) (i64.const 32))))
        (i64.store32 (i32.const 40)
          (select
            (i64.sub (local.get $length) (i64.const 7))
            (i64.const 0)
            (i64.gt_u (local.get $length) (i64.const 7)))))))

  (func (export "output_set") (param $p i64) (param $length i64)
    (if (call $inside (local.get $p) (local.get $length))
      (then
        (i64.store (i32.const 32)
          (i64.or (local.get $p) (i64.shl (local.get $length) (i64.const 32)))))))

  (func (export "output_offset") (result i64) (i64.load32_u (i32.const 32)))
  (func (export "output_length") (result i64) (i64.load32_u (i32.const 36)))

  (func (export "error_set") (param $p i64)
    (if (i32.or (i64.eqz (local.get $p)) (call $inside (local.get $p) (i64.const 0)))
      (then
        (i64.store32 (i32.const 20) (local.get $p))
        (i64.store32 (i32.const 44) (call $length (local.get $p))))))

  (func (export "error_get") (result i64) (i64.load32_u (i32.const 20)))

  (func (export "reset")
    (memory.fill (i32.const 64) (i32.const 0)
      (i32.wrap_i64 (i64.sub (call $size) (i64.const 64))))
    (i64.store (i32.const 0) (i64.const 0x40_0000_0040)) ;; position and dirty
    (i32.store (i32.const 8) (i32.const 0))
    (i32.store (i32.const 12) (i32.add (i32.load (i32.const 12)) (i32.const 1)))
    (memory.fill (i32.const 20) (i32.const 0) (i32.const 28)))

  (func (export "memory_bytes") (result i64)
    (i64.add (i64.load32_u (i32.const 16)) (i64.const 7))))
