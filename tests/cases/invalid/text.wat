;;! bytes "hello"
;;! load
;;! = error invalid-module "module `main` is not a valid WebAssembly module: it does not start with the magic bytes `\\0asm`"
