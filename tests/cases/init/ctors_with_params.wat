;;! load
(module (func (export "__wasm_call_ctors") (param i32)))
