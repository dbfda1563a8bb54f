;;! load
;;! = error manifest "manifest: wasm[0].name: of several modules only the last may be without a name"
;;! module -
(module)
;;! module -
(module)
