//! Who calls whom: which functions have to look where they are entered, and in which order functions
//! are best planned.
//!
//! Every cycle of calls has to have a look in it. A cycle of direct calls has a call that leads back
//! to a function whose own calls are still being followed (depth-first search); that function looks.
//! A cycle through a table, a reference or another module comes back by a call that does not name its
//! function; so what such a call may reach and what leads to such a call again looks as well.
//!
//! It knows nothing of loops. Invariant: without the functions of [`Calls::heads`], no function can be
//! reached from itself.

use std::{
    cell::Cell,
    collections::{BTreeSet, HashMap},
};

use wasm_encoder::reencode;
use wasmparser::{
    ElementItems, ExternalKind, FuncType, FunctionBody, Operator, Parser, Payload, TypeRef, ValType,
};

use crate::{
    parallel,
    rewrite::{self, Shape},
};

/// What a module says about its calls.
pub(super) struct Calls {
    /// By function that the module defines: whether it has to look where it is entered.
    heads: Vec<bool>,
    /// By function that the module defines: whether it may be called without being named.
    reachable: Vec<bool>,
    /// By function that the module defines: whether a call may leave its frame to it.
    replacing: Vec<bool>,
    /// Whether a call that names no function may reach one of another module.
    pub(super) leaves: bool,
    /// Every function that the module defines, callees before callers where that is possible. Those that need not
    /// wait for each other stand together.
    pub(super) order: Vec<usize>,
    /// The place of each function in that order.
    places: Vec<usize>,
}

/// A node of the graph: a function that the module defines, or a call that names none.
type Node = usize;

impl Calls {
    pub(super) fn read(wasm: &[u8], shape: &Shape) -> Result<Self, reencode::Error> {
        let graph = Graph::read(wasm, shape)?;
        let (mut heads, mut order) = graph.search();
        graph.mark_unnamed(&mut heads);
        let levels = graph.levels(&order);
        order.sort_by_key(|function| levels[*function]);
        let mut places = vec![0; order.len()];
        for (place, &function) in order.iter().enumerate() {
            places[function] = place;
        }
        Ok(Self {
            heads,
            places,
            reachable: graph.unnamed,
            replacing: graph.replacing,
            leaves: graph.leaves,
            order,
        })
    }

    /// Whether one function comes before another one in the order.
    pub(super) fn is_before(&self, one: usize, other: usize) -> bool {
        self.places[one] < self.places[other]
    }

    /// Whether a function that the module defines is one that looks where it is entered.
    pub(super) fn is_head(&self, function: usize) -> bool {
        self.heads[function]
    }

    /// Whether all calls of a function that the module defines name it, return to the caller, and come after it in the
    /// order.
    pub(super) fn is_known_to_callers(&self, function: usize) -> bool {
        !(self.heads[function] || self.reachable[function] || self.replacing[function])
    }
}

/// The functions that a module defines, and behind them the calls that name none: one for each type
/// of function, and one for what other modules may call.
struct Graph {
    functions: usize,
    edges: Vec<Vec<Node>>,
    /// The functions that may be called by who does not name them.
    unnamed: Vec<bool>,
    /// The functions that tail calls name.
    replacing: Vec<bool>,
    /// Whether a call that names no function may reach one of another module.
    leaves: bool,
}

/// A value that is passed, as far as calls depend on it.
#[derive(PartialEq, Eq, Hash)]
enum Passed {
    Reference,
    Other(ValType),
}

fn passed(types: &[ValType]) -> Vec<Passed> {
    let passed = |ty: &ValType| match ty {
        ValType::Ref(_) => Passed::Reference,
        other => Passed::Other(*other),
    };
    types.iter().map(passed).collect()
}

fn has_references(ty: &FuncType) -> bool {
    let mut values = ty.params().iter().chain(ty.results());
    values.any(|ty| matches!(ty, ValType::Ref(_)))
}

/// What a function names, by index.
#[derive(Default)]
struct Named {
    /// The functions that it calls.
    calls: BTreeSet<u32>,
    /// Those of them to which it leaves its frame.
    tail_calls: BTreeSet<u32>,
    /// The types of calls that name no function.
    types: BTreeSet<u32>,
    /// The functions that it takes a reference to.
    references: BTreeSet<u32>,
}

impl Named {
    fn by(body: &FunctionBody<'_>) -> Result<Self, reencode::Error> {
        let mut named = Self::default();
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let operator = reader.read()?;
            if let Operator::ReturnCall { function_index } = operator {
                named.tail_calls.insert(function_index);
            }
            match operator {
                Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                    named.calls.insert(function_index);
                }
                Operator::CallIndirect { type_index, .. }
                | Operator::ReturnCallIndirect { type_index, .. }
                | Operator::CallRef { type_index }
                | Operator::ReturnCallRef { type_index } => {
                    named.types.insert(type_index);
                }
                Operator::RefFunc { function_index } => {
                    named.references.insert(function_index);
                }
                _ => {}
            }
        }
        Ok(named)
    }
}

impl Graph {
    fn read(wasm: &[u8], shape: &Shape) -> Result<Self, reencode::Error> {
        let imported = shape.imported_functions() as usize;
        let functions = shape.functions.len();
        // Types that are equal are one, whatever their indices; so are those of which one may be a subtype of the
        // other, which differ in references only.
        let mut known: HashMap<(Vec<Passed>, Vec<Passed>), Node> = HashMap::new();
        let mut by_type = Vec::with_capacity(shape.types.len());
        for ty in &shape.types {
            let next = functions + known.len();
            by_type.push(match ty {
                Some(ty) => *known
                    .entry((passed(ty.params()), passed(ty.results())))
                    .or_insert(next),
                None => next,
            });
        }
        let anyone = functions + known.len();
        let mut graph = Self {
            functions,
            edges: vec![Vec::new(); anyone + 1],
            unnamed: Vec::new(),
            replacing: vec![false; functions],
            leaves: false,
        };
        let mut taken = vec![false; functions];
        let mut exported = vec![false; functions];
        let takes_import = Cell::new(false);
        let mark =
            |list: &mut [bool], function: u32| match (function as usize).checked_sub(imported) {
                Some(own) => list[own] = true,
                None => takes_import.set(true),
            };
        // Whether other modules may hold references to functions of this one, or this one to functions of theirs.
        let mut shares = shape
            .imports
            .iter()
            .flatten()
            .any(|ty| has_references(shape.function_type(*ty)));
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        match import?.ty {
                            TypeRef::Table(_) => shares = true,
                            TypeRef::Global(ty) => {
                                shares |= matches!(ty.content_type, ValType::Ref(_));
                            }
                            TypeRef::Tag(_) => shares = true,
                            _ => {}
                        }
                    }
                }
                Payload::GlobalSection(section) => {
                    for global in section {
                        for operator in global?.init_expr.get_operators_reader() {
                            if let Operator::RefFunc { function_index } = operator? {
                                mark(&mut taken, function_index);
                            }
                        }
                    }
                }
                Payload::TableSection(section) => {
                    for table in section {
                        if let wasmparser::TableInit::Expr(init) = table?.init {
                            for operator in init.get_operators_reader() {
                                if let Operator::RefFunc { function_index } = operator? {
                                    mark(&mut taken, function_index);
                                }
                            }
                        }
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        match export.kind {
                            ExternalKind::Func | ExternalKind::FuncExact => {
                                mark(&mut exported, export.index);
                                let own = (export.index as usize).checked_sub(imported);
                                let ty = own.map(|own| shape.function_type(shape.functions[own]));
                                shares |= ty.is_some_and(has_references);
                            }
                            ExternalKind::Table | ExternalKind::Global | ExternalKind::Tag => {
                                shares = true;
                            }
                            ExternalKind::Memory => {}
                        }
                    }
                }
                Payload::ElementSection(section) => {
                    for element in section {
                        match element?.items {
                            ElementItems::Functions(items) => {
                                for item in items {
                                    mark(&mut taken, item?);
                                }
                            }
                            ElementItems::Expressions(_, items) => {
                                for item in items {
                                    for operator in item?.get_operators_reader() {
                                        if let Operator::RefFunc { function_index } = operator? {
                                            mark(&mut taken, function_index);
                                        }
                                    }
                                }
                            }
                        }
                    }
                }
                _ => {}
            }
        }
        let code = rewrite::code(wasm)?;
        let named = parallel::map(&code, wasm.len(), Named::by)?;
        for (function, named) in named.into_iter().enumerate() {
            for tail in named.tail_calls {
                mark(&mut graph.replacing, tail);
            }
            for reference in named.references {
                mark(&mut taken, reference);
            }
            let own = |callee: u32| (callee as usize).checked_sub(imported).unwrap_or(anyone);
            let calls = named.calls.into_iter().map(own);
            let types = named.types.into_iter().map(|ty| by_type[ty as usize]);
            graph.edges[function] = calls.chain(types).collect();
            graph.edges[function].sort_unstable();
            graph.edges[function].dedup();
        }
        for (function, ty) in shape.functions.iter().enumerate() {
            if taken[function] || (shares && exported[function]) {
                graph.edges[by_type[*ty as usize]].push(function);
            }
            // What is called in another module may call back what it can get hold of.
            if shares && (taken[function] || exported[function]) {
                graph.edges[anyone].push(function);
            }
        }
        graph.leaves = shares || takes_import.get();
        if shares {
            // What a table has may be of another module.
            for unnamed in functions..anyone {
                graph.edges[unnamed].push(anyone);
            }
        }
        let unnamed = taken.iter().zip(&exported);
        graph.unnamed = unnamed
            .map(|(taken, exported)| *taken || *exported)
            .collect();
        Ok(graph)
    }

    /// A search in depth along direct calls: the functions that a call leads back to, and all functions
    /// in the order in which the search leaves them.
    fn search(&self) -> (Vec<bool>, Vec<usize>) {
        #[derive(Clone, Copy, PartialEq)]
        enum State {
            New,
            Open,
            Done,
        }
        let mut heads = vec![false; self.functions];
        let mut order = Vec::with_capacity(self.functions);
        let mut states = vec![State::New; self.functions];
        for root in 0..self.functions {
            if states[root] != State::New {
                continue;
            }
            states[root] = State::Open;
            let mut path = vec![(root, 0)];
            while let Some((function, next)) = path.last_mut() {
                let Some(&callee) = self.edges[*function].get(*next) else {
                    states[*function] = State::Done;
                    order.push(*function);
                    path.pop();
                    continue;
                };
                *next += 1;
                if callee >= self.functions {
                    continue;
                }
                match states[callee] {
                    State::New => {
                        states[callee] = State::Open;
                        path.push((callee, 0));
                    }
                    State::Open => heads[callee] = true,
                    State::Done => {}
                }
            }
        }
        (heads, order)
    }

    /// How many calls deep each function is, of those that lead to functions before it in the order of the search.
    /// The others lead back to where the search comes from, which is less deep: so sorting by it keeps callees before
    /// callers.
    fn levels(&self, order: &[usize]) -> Vec<usize> {
        let mut levels: Vec<Option<usize>> = vec![None; self.functions];
        for &function in order {
            let callees = self.edges[function].iter();
            let callees = callees.filter_map(|callee| *levels.get(*callee)?);
            levels[function] = Some(callees.max().map_or(0, |level| level + 1));
        }
        levels.into_iter().flatten().collect()
    }

    /// Marks what a call that names no function may reach, if it leads to such a call again.
    fn mark_unnamed(&self, heads: &mut [bool]) {
        let groups = self.groups();
        for unnamed in self.functions..self.edges.len() {
            for &callee in &self.edges[unnamed] {
                if callee < self.functions && groups[callee] == groups[unnamed] {
                    heads[callee] = true;
                }
            }
        }
    }

    /// For each node, the number of the group of nodes that reach each other (Tarjan's algorithm).
    fn groups(&self) -> Vec<usize> {
        const NEW: usize = usize::MAX;
        let nodes = self.edges.len();
        let (mut numbers, mut lowest) = (vec![NEW; nodes], vec![NEW; nodes]);
        let mut group = vec![NEW; nodes];
        let (mut next, mut groups) = (0, 0);
        let mut stack = Vec::new();
        for root in 0..nodes {
            if numbers[root] != NEW {
                continue;
            }
            let mut path = vec![(root, 0)];
            numbers[root] = next;
            lowest[root] = next;
            next += 1;
            stack.push(root);
            while let Some(&mut (node, ref mut edge)) = path.last_mut() {
                if let Some(&callee) = self.edges[node].get(*edge) {
                    *edge += 1;
                    if numbers[callee] == NEW {
                        numbers[callee] = next;
                        lowest[callee] = next;
                        next += 1;
                        stack.push(callee);
                        path.push((callee, 0));
                    } else if group[callee] == NEW {
                        lowest[node] = lowest[node].min(numbers[callee]);
                    }
                    continue;
                }
                path.pop();
                if let Some(&mut (caller, _)) = path.last_mut() {
                    lowest[caller] = lowest[caller].min(lowest[node]);
                }
                if lowest[node] == numbers[node] {
                    while let Some(member) = stack.pop() {
                        group[member] = groups;
                        if member == node {
                            break;
                        }
                    }
                    groups += 1;
                }
            }
        }
        group
    }
}

#[cfg(test)]
mod tests {
    use super::Calls;
    use crate::rewrite::Shape;

    /// The functions that look where they are entered.
    fn heads(text: &str) -> Vec<usize> {
        let wasm = wat::parse_str(text).expect("the text is valid");
        let shape = Shape::read(&wasm).expect("it is valid");
        let calls = Calls::read(&wasm, &shape).expect("it is valid");
        let functions = 0..shape.functions.len();
        functions.filter(|f| calls.is_head(*f)).collect()
    }

    #[test]
    fn calls_without_a_cycle_need_no_look() {
        let text = "(module (import \"a\" \"f\" (func)) (func (call 2) (call 0)) (func (call 3))
          (func) (table 1 funcref) (elem (i32.const 0) 3) (func (call_indirect (i32.const 0))))";
        assert_eq!(heads(text), [0; 0]);
    }

    #[test]
    fn a_call_of_oneself_and_of_each_other() {
        assert_eq!(heads("(module (func (call 0)) (func (call 0)))"), [0]);
        assert_eq!(
            heads("(module (func (call 1)) (func (return_call 0)))"),
            [0]
        );
    }

    /// By a table: the function that the call may reach, if it leads to such a call again.
    #[test]
    fn a_cycle_through_a_table() {
        let text = "(module (table 1 funcref) (elem (i32.const 0) 1 2)
          (func $indirect (call_indirect (i32.const 0)))
          (func (call $indirect)) (func) (func (param i32)))";
        assert_eq!(heads(text), [1]);
    }

    /// Types that are equal have different indices here.
    #[test]
    fn a_cycle_through_an_equal_type() {
        let text =
            "(module (type $a (func)) (type $b (func)) (table 1 funcref) (elem (i32.const 0) 0)
          (func (type $a) (call_indirect (type $b) (i32.const 0))))";
        assert_eq!(heads(text), [0]);
    }

    /// A reference of a supertype may be to a function of a subtype.
    #[test]
    fn a_cycle_through_a_subtype() {
        let text = "(module (type $a (sub (func (param (ref null $a))))) (type $b (sub $a (func (param funcref))))
          (elem declare func 0)
          (func (type $b) (call_ref $a (ref.null $a) (ref.func 0))))";
        assert_eq!(heads(text), [0]);
    }

    /// A function that another module has given calls back.
    #[test]
    fn a_cycle_through_references_of_others() {
        for text in [
            "(module (type $t (func)) (import \"a\" \"f\" (func (result (ref $t))))
              (func (export \"g\") (call_ref $t (call 0))))",
            "(module (type $t (func)) (func (export \"g\") (param (ref $t)) (call_ref $t (local.get 0))))",
            "(module (type $t (func)) (import \"a\" \"x\" (tag (param (ref $t))))
              (func (export \"g\") (call_ref $t (block (result (ref $t)) (try_table (catch 0 0) (call 0)) unreachable))))",
        ] {
            assert_eq!(heads(text), [0], "{text}");
        }
    }

    /// A function of another module may call back what is in a table that both have.
    #[test]
    fn a_cycle_through_another_module() {
        let text = "(module (import \"a\" \"f\" (func)) (import \"a\" \"t\" (table 1 funcref))
          (elem declare func 1) (func (table.set (i32.const 0) (ref.func 1)) (call 0)))";
        assert_eq!(heads(text), [0]);
        let text = "(module (table (export \"t\") 1 funcref)
          (func (export \"f\") (call_indirect (i32.const 0))))";
        assert_eq!(heads(text), [0]);
    }
}
