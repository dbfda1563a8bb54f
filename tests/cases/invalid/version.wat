;;! bytes "\x00asm\x02\x00\x00\x00"
;;! load
;;! = error invalid-module "module `main` is not a valid WebAssembly module: unknown binary version:        0x2 (at offset 0x4)"
