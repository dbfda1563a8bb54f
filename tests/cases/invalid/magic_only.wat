;;! bytes "\x00asm"
;;! load
;;! = error invalid-module "module `main` is not a valid WebAssembly module: unexpected end-of-file (at offset 0x4)"
