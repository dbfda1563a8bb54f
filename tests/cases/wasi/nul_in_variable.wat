;; What no C string can hold is refused when the plug-in is made.
;;! wasi env A = "b\x00"
;;! load
;;! = error argument "wasi: env.A: byte 1 is NUL, which ends a text for the guest"
(module)
