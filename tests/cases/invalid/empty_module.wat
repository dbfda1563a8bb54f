;; A module without anything is valid.
;;! call f
;;! = error unknown-function "unknown function `f`: the plug-in exports no function of that name"
;;! bytes "\x00asm\x01\x00\x00\x00"
