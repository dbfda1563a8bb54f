;; The same import twice is named once.
;;! load
;;! = error link "module `main` imports `a`::`f` (func): nothing provides it: it is not a module of the manifest, and no host function of that name was given"
(module
  (import "a" "f" (func))
  (import "a" "f" (func)))
