;;! bytes "\x7fELF\x02\x01\x01\x00"
;;! load
;;! = error invalid-module "module `main` is not a valid WebAssembly module: it does not start with the magic bytes `\\0asm`"
