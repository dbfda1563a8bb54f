;; Only functions without parameters and with at most one result can be called.
;;! call nope
;;! = error unknown-function "unknown function `nope`: the plug-in exports no function of that name; it exports `fine`"
;;! call
;;! = error unknown-function "unknown function ``: the plug-in exports no function of that name; it exports `fine`"
;;! call one_param
;;! = error unknown-function "function `one_param` cannot be called: it has 1 parameters, none are allowed"
;;! call two_params
;;! = error unknown-function "function `two_params` cannot be called: it has 2 parameters, none are allowed"
;;! call two_results
;;! = error unknown-function "function `two_results` cannot be called: it has 2 results, at most 1 is allowed"
;;! call reference
;;! = error unknown-function "function `reference` cannot be called: its type has values that are not numbers"
;;! call memory
;;! = error unknown-function "unknown function `memory`: the plug-in exports no function of that name; it exports `fine`"
;;! call global
;;! = error unknown-function "unknown function `global`: the plug-in exports no function of that name; it exports `fine`"
;;! call table
;;! = error unknown-function "unknown function `table`: the plug-in exports no function of that name; it exports `fine`"
;;! call fine
;;! = ok ""
;;! exists nope
;;! = ok "false"
;;! exists one_param
;;! = ok "false"
;;! exists two_results
;;! = ok "false"
;;! exists memory
;;! = ok "false"
;;! exists fine
;;! = ok "true"
(module
  (memory (export "memory") 1)
  (global (export "global") i32 (i32.const 1))
  (table (export "table") 1 funcref)
  (func (export "one_param") (param i32))
  (func (export "two_params") (param i64 i64) (result i32) (i32.const 0))
  (func (export "two_results") (result i32 i32) (i32.const 0) (i32.const 0))
  (func (export "reference") (result funcref) (ref.null func))
  (func (export "fine")))
