;; A module without anything is valid, and so is one that is only text.
;;! bytes "\x00asm\x01\x00\x00\x00"
;;! load
;;! new
;;! exists f
;;! = ok "false"
