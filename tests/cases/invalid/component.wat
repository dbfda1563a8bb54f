;;! bytes "\x00asm\x0d\x00\x01\x00"
;;! load
;;! = error invalid-module "module `main` is not a valid WebAssembly module: it is a component; plug-ins are core modules, such as the targets wasm32-wasip1 and wasm32-unknown-unknown make"
