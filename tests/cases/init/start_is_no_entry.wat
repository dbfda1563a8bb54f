;;! call polyextism:start
;;! = error unknown-function "unknown function `polyextism:start`: the plug-in exports no function of that name"
;;! exists polyextism:start
;;! = ok "false"
(module
  (func $start)
  (start $start))
