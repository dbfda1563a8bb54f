;; With the power it runs, without it loading is refused.
;;! needs simd "engine `{engine}` has no SIMD, which module `main` needs"
;;! call f
;;! = ok "33 "
(module
  ;;% include print
  (func (export "f")
    (call $answer
      (i64.extend_i32_u
        (i32x4.extract_lane 2
          (i32x4.add (v128.const i32x4 1 2 3 4) (v128.const i32x4 10 20 30 40)))))))
