;;! needs simd "engine `{engine}` has no SIMD and no relaxed SIMD, which module `main` needs"
;;! load
;;! = error unsupported "engine `{engine}` has no relaxed SIMD, which module `main` needs"
(module (func (param v128 v128) (result v128)
  (i8x16.relaxed_swizzle (local.get 0) (local.get 1))))
