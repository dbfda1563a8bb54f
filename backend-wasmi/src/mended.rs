//! Workarounds for two bugs of wasmi 2.0.0.
//!
//! A `select` whose condition compares a local with zero reads its condition from a wrong register: wasmi drops the
//! comparison and selects by its operand, but loses the place of the operand. This happens only if nothing is
//! computed between the two, so an instruction without effect is inserted. A test fails when wasmi is fixed; then
//! remove this.
//!
//! Growing a memory whose maximum is 2^64 bytes ends the process: wasmi computes that number in 64 bits and panics
//! where nothing can catch it. Such a maximum is one page smaller here, which no guest can notice.

use std::borrow::Cow;

use wasm_encoder::{CodeSection, Encode, Instruction, MemorySection, MemoryType, RawSection};
use wasmparser::{BinaryReaderError, FunctionBody, MemorySectionReader, Operator, Parser, Payload};

/// The inserted instructions before the `select`: the same condition once more.
const SAME: &[Instruction<'_>] = &[Instruction::I32Const(-1), Instruction::I32And];

/// The same module with the workarounds. wasmi itself refuses a malformed module.
pub(crate) fn mended(wasm: &[u8]) -> Cow<'_, [u8]> {
    rewritten(wasm).map_or(Cow::Borrowed(wasm), Cow::Owned)
}

fn rewritten(wasm: &[u8]) -> Result<Vec<u8>, BinaryReaderError> {
    let mut module = wasm_encoder::Module::new();
    let mut code = CodeSection::new();
    let mut missing = 0;
    for payload in Parser::new(0).parse_all(wasm) {
        match payload? {
            Payload::CodeSectionStart { count, .. } => missing = count,
            Payload::CodeSectionEntry(body) => {
                code.raw(&function(&body)?);
                missing -= 1;
                if missing == 0 {
                    module.section(&code);
                }
            }
            Payload::MemorySection(memories) => {
                module.section(&below_the_largest(memories)?);
            }
            payload => {
                if let Some((id, range)) = payload.as_section() {
                    let data = &wasm[range.start as usize..range.end as usize];
                    module.section(&RawSection { id, data });
                }
            }
        }
    }
    Ok(module.finish())
}

/// The most pages whose number of bytes fits in 64 bits.
const MOST_PAGES: u64 = u64::MAX >> 16;

fn below_the_largest(
    memories: MemorySectionReader<'_>,
) -> Result<MemorySection, BinaryReaderError> {
    let mut section = MemorySection::new();
    for memory in memories {
        let memory = memory?;
        let largest = match memory.page_size_log2 {
            None | Some(16) => MOST_PAGES,
            Some(_) => u64::MAX,
        };
        section.memory(MemoryType {
            minimum: memory.initial,
            maximum: memory.maximum.map(|maximum| maximum.min(largest)),
            memory64: memory.memory64,
            shared: memory.shared,
            page_size_log2: memory.page_size_log2,
        });
    }
    Ok(section)
}

fn function(body: &FunctionBody<'_>) -> Result<Vec<u8>, BinaryReaderError> {
    let bytes = body.as_bytes();
    let start = body.range().start;
    let mut out = Vec::with_capacity(bytes.len());
    let (mut copied, mut compared) = (0, false);
    let mut reader = body.get_operators_reader()?;
    while !reader.eof() {
        let (operator, at) = reader.read_with_offset()?;
        match operator {
            Operator::I32Eqz | Operator::I32Eq | Operator::I32Ne => compared = true,
            Operator::Select | Operator::TypedSelect { .. } if compared => {
                let at = (at - start) as usize;
                out.extend_from_slice(&bytes[copied..at]);
                SAME.iter()
                    .for_each(|instruction| instruction.encode(&mut out));
                (copied, compared) = (at, false);
            }
            _ => {}
        }
    }
    out.extend_from_slice(&bytes[copied..]);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use wasmi::{Engine, Linker, Module, Store};

    use super::mended;

    const CONDITIONS: &[(&str, i32)] = &[
        ("(i32.eqz (local.get 0))", 1),
        ("(i32.eq (i32.const 0) (local.get 0))", 1),
        ("(i32.ne (local.get 0) (i32.const 0))", 2),
        ("(i32.eqz (i32.eqz (local.get 0)))", 2),
        ("(i32.eqz (local.get 0)) (nop) (drop (i32.const 5))", 1),
        ("(i32.eqz (i32.add (local.get 0) (i32.const 0)))", 1),
        ("(local.get 0)", 2),
    ];

    fn module(condition: &str) -> Vec<u8> {
        let text = format!(
            r#"(module (func (export "f") (param i32) (result i32)
              (i32.const 1) (i32.const 2) {condition} (select)))"#
        );
        wat::parse_str(text).expect("it is a module")
    }

    /// The values that are selected for 0 and for 7.
    fn selected(wasm: &[u8]) -> [i32; 2] {
        let engine = Engine::default();
        let module = Module::new(&engine, wasm).expect("it is valid");
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate_and_start(&mut store, &module);
        let instance = instance.expect("it has no imports");
        let function = instance.get_typed_func::<i32, i32>(&store, "f");
        let function = function.expect("it is exported");
        [0, 7].map(|of| function.call(&mut store, of).expect("it returns"))
    }

    #[test]
    fn selects_are_right() {
        for (condition, of_zero) in CONDITIONS {
            let found = selected(&mended(&module(condition)));
            assert_eq!(found, [*of_zero, 3 - of_zero], "{condition}");
        }
    }

    #[test]
    fn wasmi_itself_is_wrong() {
        let wrong = CONDITIONS
            .iter()
            .filter(|(condition, of_zero)| selected(&module(condition)) != [*of_zero, 3 - of_zero]);
        assert!(
            wrong.count() > 0,
            "the mistake is gone, and so is the need for this file"
        );
    }

    /// A memory with this maximum, and the result of growing it by one page.
    fn grown(maximum: u64) -> i64 {
        let text = format!(
            r#"(module (memory i64 0 {maximum})
              (func (export "f") (result i64) (memory.grow (i64.const 1))))"#
        );
        let wasm = wat::parse_str(text).expect("it is a module");
        let engine = Engine::default();
        let module = Module::new(&engine, mended(&wasm)).expect("it is valid");
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate_and_start(&mut store, &module);
        let instance = instance.expect("it has no imports");
        let function = instance.get_typed_func::<(), i64>(&store, "f");
        let function = function.expect("it is exported");
        function.call(&mut store, ()).expect("it returns")
    }

    /// The largest maximum itself cannot be tested on wasmi alone, because it ends the process.
    #[test]
    fn the_largest_memory_can_grow() {
        for maximum in [1, (1 << 48) - 1, 1 << 48] {
            assert_eq!(grown(maximum), 0, "{maximum}");
        }
        assert_eq!(grown(0), -1);
    }

    #[test]
    fn what_cannot_be_read_stays() {
        assert_eq!(
            *mended(b"\0asm\x01\0\0\0\x0a\x05"),
            *b"\0asm\x01\0\0\0\x0a\x05"
        );
    }
}
