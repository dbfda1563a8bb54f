;; Without capturing there is nothing to read.
;;! wasi
;;! stdout
;;! = ok ""
;;! stderr
;;! = ok ""
(module)
