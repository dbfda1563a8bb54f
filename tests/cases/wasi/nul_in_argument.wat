;; What no C string can hold is refused when the plug-in is made.
;;! wasi arg "a\x00b"
;;! load
;;! = error argument "wasi: args[0]: byte 1 is NUL, which ends a text for the guest"
(module)
