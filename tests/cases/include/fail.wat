  ;; Sets the error text "boom". Needs print.wat and `error_set`.
  (func $boom
    (call $begin)
    (global.set $text (call $alloc (i64.const 4)))
    (call $put (i32.const 98)) (call $put (i32.const 111))
    (call $put (i32.const 111)) (call $put (i32.const 109))
    (call $error_set (global.get $text)))
