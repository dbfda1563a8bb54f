;;! load
;;! = error manifest "manifest: wasm[1].name: there are two modules `lib`"
;;! module lib
(module)
;;! module lib
(module)
;;! module main
(module)
