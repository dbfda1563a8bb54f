;;! call polyextism:start
;;! = error unknown-function "unknown function `polyextism:start`: the plug-in exports no function of that name; it exports none"
;;! exists polyextism:start
;;! = ok "false"
(module
  (func $start)
  (start $start))
