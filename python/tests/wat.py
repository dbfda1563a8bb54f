"""Small modules in the text format, and what they share."""

# Hands its input back.
ECHO = """(module
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "input_length" (func $length (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (func (export "echo") (result i32)
    (call $output (call $offset) (call $length))
    (i32.const 0)))"""


def function(body: str, head: str = "") -> str:
    """A module whose function `run` has this body."""
    return f'(module {head} (func (export "run") {body}))'


def importing(signature: str, name: str = "host", module: str = "extism:host/user") -> str:
    """The import of a host function, as `$host`."""
    return f'(import "{module}" "{name}" (func $host {signature}))'


def trap(body: str) -> str:
    head = """(memory 1) (table 2 funcref) (type $other (func (param i64)))
        (func $self) (elem (i32.const 0) func $self) (func $deep (call $deep))"""
    return function(body, head)


# A host function's parameters come back as its results: `(param T...) (result T...)`, called with
# constants; what it gives is written to the output, 8 bytes each.
def round_trip(ty: str, constant: str) -> str:
    as_bits = {
        "i32": "i64.extend_i32_u",
        "i64": "",
        "f32": "i64.extend_i32_u (i32.reinterpret_f32",
        "f64": "i64.reinterpret_f64",
    }[ty]
    call = f"(call $host ({ty}.const {constant}))"
    match ty:
        case "i64":
            bits = call
        case "f32":
            bits = f"({as_bits} {call}))"
        case _:
            bits = f"({as_bits} {call})"
    return f"""(module
      {importing(f"(param {ty}) (result {ty})")}
      (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
      (import "extism:host/env" "store_u64" (func $store (param i64 i64)))
      (import "extism:host/env" "output_set" (func $output (param i64 i64)))
      (func (export "run") (local $block i64)
        (local.set $block (call $alloc (i64.const 8)))
        (call $store (local.get $block) {bits})
        (call $output (local.get $block) (i64.const 8))))"""


# The host function gets the input's handle; the block whose handle it gives is the output.
THROUGH_HOST = f"""(module
  {importing("(param i64) (result i64)")}
  (import "extism:host/env" "input_offset" (func $offset (result i64)))
  (import "extism:host/env" "length" (func $length (param i64) (result i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (func (export "run") (local $block i64)
    (local.set $block (call $host (call $offset)))
    (call $output (local.get $block) (call $length (local.get $block)))))"""

# Outputs the bits of a NaN that arithmetic makes.
NAN = """(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u64" (func $store (param i64 i64)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (memory 1)
  (func (export "run") (local $block i64)
    (local.set $block (call $alloc (i64.const 8)))
    (call $store (local.get $block)
      (i64.reinterpret_f64 (f64.div (f64.load (i32.const 0)) (f64.load (i32.const 0)))))
    (call $output (local.get $block) (i64.const 8))))"""
# What it outputs on a deterministic engine.
CANONICAL = bytes([0, 0, 0, 0, 0, 0, 0xF8, 0x7F])
