;;! load
;;! module -
(module)
;;! module -
(module)
