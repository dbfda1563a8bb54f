;; What is missing is named with its module and its type.
;;! load
;;! = error link "module `main` imports `lib`::`helper` (func (param i32 i64) (result f32)): nothing provides it: it is not a module of the manifest, and no host function of that name was given"
(module
  (import "lib" "helper" (func (param i32 i64) (result f32)))
  (func (export "f")))
