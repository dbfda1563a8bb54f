;;! call polyextism:start
;;! exists polyextism:start
(module
  (func $start)
  (start $start))
