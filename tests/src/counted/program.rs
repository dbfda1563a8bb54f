//! A module in the form in which it is run: its functions as instructions with the ends of their blocks.

use wasmparser::{
    CompositeInnerType, ConstExpr, DataKind, ElementItems, ElementKind, ExternalKind, FuncType,
    GlobalType, MemoryType, Operator, Parser, Payload, TableInit, TableType, TypeRef, ValType,
    Validator, WasmFeatures,
};

/// What is run here.
const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .difference(WasmFeatures::SIMD)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::MEMORY64)
    .union(WasmFeatures::TAIL_CALL);

const VALID: &str = "the module was validated";

/// A module that can be run.
pub struct Program<'a> {
    pub(super) types: Vec<FuncType>,
    /// The types of all functions; those that are imported come first.
    pub(super) functions: Vec<usize>,
    pub(super) imported: usize,
    pub(super) bodies: Vec<Body<'a>>,
    pub(super) memories: Vec<MemoryType>,
    pub(super) tables: Vec<(TableType, Option<ConstExpr<'a>>)>,
    pub(super) globals: Vec<(GlobalType, ConstExpr<'a>)>,
    pub(super) elements: Vec<Elements<'a>>,
    pub(super) data: Vec<Data<'a>>,
    pub(super) exports: Vec<(&'a str, usize)>,
}

/// A data segment.
pub(super) struct Data<'a> {
    /// The memory and the address of one that is active.
    pub(super) place: Option<(usize, ConstExpr<'a>)>,
    pub(super) bytes: &'a [u8],
}

/// The code of a function.
pub(super) struct Body<'a> {
    /// The types of the locals behind the parameters.
    pub(super) locals: Vec<ValType>,
    pub(super) operators: Vec<Operator<'a>>,
    /// For each instruction that begins a block: its `else` or else its end, and its end.
    pub(super) ends: Vec<(usize, usize)>,
}

/// A segment of elements.
pub(super) struct Elements<'a> {
    /// The table and the offset, if it is active.
    pub(super) place: Option<(usize, ConstExpr<'a>)>,
    pub(super) items: Vec<Item<'a>>,
    /// Whether it is there after instantiation.
    pub(super) is_passive: bool,
}

pub(super) enum Item<'a> {
    Function(u32),
    Expression(ConstExpr<'a>),
}

impl<'a> Program<'a> {
    /// Reads a module; `None` if it has what is not run here, or is not valid.
    pub fn read(wasm: &'a [u8]) -> Option<Self> {
        let mut validator = Validator::new_with_features(FEATURES);
        validator.validate_all(wasm).ok()?;
        let mut program = Self {
            types: Vec::new(),
            functions: Vec::new(),
            imported: 0,
            bodies: Vec::new(),
            memories: Vec::new(),
            tables: Vec::new(),
            globals: Vec::new(),
            elements: Vec::new(),
            data: Vec::new(),
            exports: Vec::new(),
        };
        for payload in Parser::new(0).parse_all(wasm) {
            program.section(payload.expect(VALID))?;
        }
        Some(program)
    }

    fn section(&mut self, payload: Payload<'a>) -> Option<()> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    for ty in group.expect(VALID).into_types() {
                        match ty.composite_type.inner {
                            CompositeInnerType::Func(ty) => self.types.push(ty),
                            _ => return None,
                        }
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    match import.expect(VALID).ty {
                        TypeRef::Func(ty) => self.functions.push(ty as usize),
                        _ => return None,
                    }
                }
                self.imported = self.functions.len();
            }
            Payload::FunctionSection(section) => {
                let types = section.into_iter().map(|ty| ty.expect(VALID) as usize);
                self.functions.extend(types);
            }
            Payload::TableSection(section) => {
                for table in section {
                    let table = table.expect(VALID);
                    let init = match table.init {
                        TableInit::RefNull => None,
                        TableInit::Expr(init) => Some(init),
                    };
                    self.tables.push((table.ty, init));
                }
            }
            Payload::MemorySection(section) => {
                self.memories = section.into_iter().collect::<Result<_, _>>().expect(VALID);
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    let global = global.expect(VALID);
                    self.globals.push((global.ty, global.init_expr));
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export.expect(VALID);
                    if export.kind == ExternalKind::Func {
                        self.exports.push((export.name, export.index as usize));
                    }
                }
            }
            // It would have to be counted with the first call.
            Payload::StartSection { .. } | Payload::TagSection(_) => return None,
            Payload::ElementSection(section) => {
                for element in section {
                    let element = element.expect(VALID);
                    let place = match &element.kind {
                        ElementKind::Active {
                            table_index,
                            offset_expr,
                        } => Some((table_index.unwrap_or(0) as usize, offset_expr.clone())),
                        _ => None,
                    };
                    let items = match element.items {
                        ElementItems::Functions(items) => {
                            let items = items.into_iter();
                            items
                                .map(|item| Item::Function(item.expect(VALID)))
                                .collect()
                        }
                        ElementItems::Expressions(_, items) => {
                            let items = items.into_iter();
                            items
                                .map(|item| Item::Expression(item.expect(VALID)))
                                .collect()
                        }
                    };
                    self.elements.push(Elements {
                        place,
                        items,
                        is_passive: matches!(element.kind, ElementKind::Passive),
                    });
                }
            }
            Payload::DataSection(section) => {
                for data in section {
                    let data = data.expect(VALID);
                    let place = match data.kind {
                        DataKind::Active {
                            memory_index,
                            offset_expr,
                        } => Some((memory_index as usize, offset_expr)),
                        DataKind::Passive => None,
                    };
                    self.data.push(Data {
                        place,
                        bytes: data.data,
                    });
                }
            }
            Payload::CodeSectionEntry(body) => {
                let mut locals = Vec::new();
                for group in body.get_locals_reader().expect(VALID) {
                    let (count, ty) = group.expect(VALID);
                    locals.extend(std::iter::repeat_n(ty, count as usize));
                }
                let operators = body.get_operators_reader().expect(VALID).into_iter();
                let operators: Vec<_> = operators.collect::<Result<_, _>>().expect(VALID);
                let ends = ends(&operators);
                self.bodies.push(Body {
                    locals,
                    operators,
                    ends,
                });
            }
            _ => {}
        }
        Some(())
    }

    /// The type of a function.
    pub(super) fn ty(&self, function: usize) -> &FuncType {
        &self.types[self.functions[function]]
    }

    /// How many instructions the longest function has.
    pub fn longest(&self) -> u64 {
        let lengths = self.bodies.iter().map(|body| body.operators.len());
        lengths.max().unwrap_or(0) as u64
    }
}

/// Where blocks end.
fn ends(operators: &[Operator<'_>]) -> Vec<(usize, usize)> {
    let mut ends = vec![(0, 0); operators.len()];
    let mut open = Vec::new();
    for (at, operator) in operators.iter().enumerate() {
        match operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                open.push((at, None));
            }
            Operator::Else => {
                let block: &mut (usize, Option<usize>) = open.last_mut().expect("an `if` is open");
                block.1 = Some(at);
            }
            Operator::End => {
                let Some((begin, other)) = open.pop() else {
                    continue;
                };
                ends[begin] = (other.unwrap_or(at), at);
                if let Some(other) = other {
                    ends[other] = (at, at);
                }
            }
            _ => {}
        }
    }
    ends
}
