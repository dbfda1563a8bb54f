;;! bytes "\x00asm\x0d\x00\x01\x00"
;;! load
;;! = error invalid-module "module `main` is not a valid WebAssembly module: unknown binary version and encoding combination: 0xd and 0x1, note: encoded as a component but the WebAssembly component model feature is not enabled - enable the feature to allow component validation (at offset 0x0)"
