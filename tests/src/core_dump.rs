//! Reads core dumps, as `Coredump.md` of the tool conventions of WebAssembly has them.

use wasmparser::{KnownCustom, Parser, Payload};

/// What is in a core dump.
#[derive(Debug, Default)]
pub struct Core {
    /// The names of the modules, each of which has one instance.
    pub modules: Vec<String>,
    /// For each instance, its memories.
    pub instances: Vec<Vec<u32>>,
    /// What was running, the innermost first: instance and function.
    pub frames: Vec<(u32, u32)>,
    /// The bytes of each memory.
    pub memories: Vec<Vec<u8>>,
}

impl Core {
    /// Reads a dump.
    ///
    /// # Panics
    /// If it is no core dump, or no valid module.
    pub fn read(wasm: &[u8]) -> Self {
        wasmparser::validate(wasm).expect("a core dump is a valid module");
        let mut core = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.expect("it is valid") {
                Payload::CustomSection(section) => core.custom(section.as_known()),
                Payload::MemorySection(memories) => {
                    let sizes = memories
                        .into_iter()
                        .map(|memory| memory.expect("it is valid"));
                    let pages = sizes.map(|memory| memory.initial as usize);
                    core.memories = pages.map(|pages| vec![0; pages * 65536]).collect();
                }
                Payload::DataSection(data) => {
                    for part in data {
                        core.fill(&part.expect("it is valid"));
                    }
                }
                _ => {}
            }
        }
        core
    }

    fn custom(&mut self, section: KnownCustom<'_>) {
        match section {
            KnownCustom::CoreDumpModules(modules) => {
                self.modules = modules
                    .modules
                    .iter()
                    .map(|name| (*name).to_owned())
                    .collect();
            }
            KnownCustom::CoreDumpInstances(found) => {
                for (position, instance) in found.instances.into_iter().enumerate() {
                    assert_eq!(instance.module_index as usize, position);
                    self.instances.push(instance.memories);
                }
            }
            KnownCustom::CoreDumpStack(stack) => {
                let frames = stack.frames.iter();
                self.frames = frames
                    .map(|frame| (frame.instanceidx, frame.funcidx))
                    .collect();
            }
            _ => {}
        }
    }

    fn fill(&mut self, part: &wasmparser::Data<'_>) {
        let wasmparser::DataKind::Active {
            memory_index,
            offset_expr,
        } = &part.kind
        else {
            panic!("a passive segment");
        };
        let mut offset = offset_expr.get_operators_reader();
        let Ok(wasmparser::Operator::I32Const { value }) = offset.read() else {
            panic!("an offset that is no number");
        };
        let memory = &mut self.memories[*memory_index as usize];
        let start = value as u32 as usize;
        memory[start..start + part.data.len()].copy_from_slice(part.data);
    }

    /// The memories of a module.
    ///
    /// # Panics
    /// If it has no such module.
    pub fn memories_of(&self, module: &str) -> Vec<&[u8]> {
        let position = self.modules.iter().position(|name| name == module);
        let position = position.expect("the module is listed");
        let memories = self.instances[position].iter();
        memories
            .map(|memory| &*self.memories[*memory as usize])
            .collect()
    }
}
