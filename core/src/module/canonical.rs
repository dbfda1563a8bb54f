//! Compares types of different modules. Two types are equal if their recursion groups have the same structure,
//! whatever their indices (WebAssembly specification, "Types", equivalence and matching).
//!
//! Every type gets a [`Key`] made from its whole group. The key contains references inside the group as positions
//! and all others as keys. So types of different modules are equal if their keys are. It trusts no index, because
//! modules may still be invalid. It does not know imports.
//!
//! Invariant: for valid modules, matching agrees exactly with the specification.

use wasmparser::{
    AbstractHeapType, CompositeInnerType, FieldType, FuncType, HeapType, Parser, Payload, RecGroup,
    RefType, StorageType, SubType, ValType,
};

use crate::cache::key::Key;

/// The types of a module.
#[derive(Debug, Default)]
pub(crate) struct Canonical {
    types: Vec<Type>,
}

#[derive(Debug)]
struct Type {
    key: Key,
    /// The type that it is declared to be a subtype of.
    supertype: Option<u32>,
    kind: Kind,
}

/// The kind of a composite type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Function,
    Struct,
    Array,
    Continuation,
}

/// The structure of a group, in order.
#[derive(Hash)]
enum Word {
    Type {
        is_final: bool,
        shared: bool,
        supertypes: usize,
    },
    Function(usize),
    Struct(usize),
    Array,
    Continuation,
    Field {
        mutable: bool,
    },
    Packed(StorageType),
    Value(ValType),
    Reference {
        nullable: bool,
        exact: bool,
    },
    /// A type of the same group, by its position.
    Own(u32),
    /// A type of an earlier group.
    Earlier(Key),
    /// A type that does not exist.
    Nothing,
}

impl Canonical {
    /// Reads as many types of a binary as possible.
    pub(crate) fn read(wasm: &[u8]) -> Self {
        let mut all = Self::default();
        for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
            match payload {
                Payload::TypeSection(section) => {
                    for group in section.into_iter().map_while(Result::ok) {
                        all.group(&group);
                    }
                    break;
                }
                Payload::CodeSectionStart { .. } => break,
                _ => {}
            }
        }
        all
    }

    fn group(&mut self, group: &RecGroup) {
        let mut words = Words {
            earlier: &self.types,
            words: Vec::new(),
        };
        for ty in group.types() {
            words.ty(ty);
        }
        let whole = Key::of(words.words);
        let first = self.types.len() as u32;
        for (position, ty) in (0_u32..).zip(group.types()) {
            let supertype = ty.supertype_idxs.first();
            let supertype = supertype.and_then(|ty| ty.unpack().as_module_index());
            self.types.push(Type {
                key: Key::of((whole, position)),
                // Supertypes come first.
                supertype: supertype.filter(|ty| *ty < first + position),
                kind: match ty.composite_type.inner {
                    CompositeInnerType::Func(_) => Kind::Function,
                    CompositeInnerType::Struct(_) => Kind::Struct,
                    CompositeInnerType::Array(_) => Kind::Array,
                    CompositeInnerType::Cont(_) => Kind::Continuation,
                },
            });
        }
    }

    fn ty(&self, index: u32) -> Option<&Type> {
        self.types.get(index as usize)
    }

    /// Whether two types are equal.
    pub(crate) fn equals(&self, own: u32, others: &Self, other: u32) -> bool {
        let own = self.ty(own).map(|ty| ty.key);
        own.is_some() && own == others.ty(other).map(|ty| ty.key)
    }

    /// Whether a type of this module equals a type of another module or is a subtype of it.
    pub(crate) fn matches(&self, own: u32, others: &Self, other: u32) -> bool {
        let Some(wanted) = others.ty(other) else {
            return false;
        };
        let mut next = self.ty(own);
        while let Some(ty) = next {
            if ty.key == wanted.key {
                return true;
            }
            next = ty.supertype.and_then(|ty| self.ty(ty));
        }
        false
    }

    /// Whether a value of a type of this module can be used as a value of a type of another module.
    pub(crate) fn value_matches(&self, own: ValType, others: &Self, other: ValType) -> bool {
        match (own, other) {
            (ValType::Ref(own), ValType::Ref(other)) => self.reference_matches(own, others, other),
            (own, other) => own == other,
        }
    }

    /// Whether values of both types can be used for each other.
    pub(crate) fn value_equals(&self, own: ValType, others: &Self, other: ValType) -> bool {
        self.value_matches(own, others, other) && others.value_matches(other, self, own)
    }

    fn reference_matches(&self, own: RefType, others: &Self, other: RefType) -> bool {
        (other.is_nullable() || !own.is_nullable())
            && self.heap_matches(own.heap_type(), others, other.heap_type())
    }

    fn heap_matches(&self, own: HeapType, others: &Self, other: HeapType) -> bool {
        use AbstractHeapType as Heap;
        let index = |ty: HeapType| match ty {
            HeapType::Concrete(index) => index.as_module_index(),
            _ => None,
        };
        match (own, other) {
            (HeapType::Concrete(_), HeapType::Concrete(_)) => match (index(own), index(other)) {
                (Some(own), Some(other)) => self.matches(own, others, other),
                _ => false,
            },
            (HeapType::Concrete(_), HeapType::Abstract { shared: false, ty }) => {
                let kind = index(own).and_then(|own| self.ty(own)).map(|ty| ty.kind);
                match kind {
                    Some(Kind::Function) => ty == Heap::Func,
                    Some(Kind::Struct) => matches!(ty, Heap::Struct | Heap::Eq | Heap::Any),
                    Some(Kind::Array) => matches!(ty, Heap::Array | Heap::Eq | Heap::Any),
                    Some(Kind::Continuation) => ty == Heap::Cont,
                    None => false,
                }
            }
            (HeapType::Abstract { shared: false, ty }, HeapType::Concrete(_)) => {
                let kind = index(other)
                    .and_then(|other| others.ty(other))
                    .map(|ty| ty.kind);
                match kind {
                    Some(Kind::Function) => ty == Heap::NoFunc,
                    Some(Kind::Struct | Kind::Array) => ty == Heap::None,
                    Some(Kind::Continuation) => ty == Heap::NoCont,
                    None => false,
                }
            }
            (
                HeapType::Abstract {
                    shared: one,
                    ty: own,
                },
                HeapType::Abstract {
                    shared: two,
                    ty: other,
                },
            ) => one == two && (own == other || above(own).contains(&other)),
            // No engine supports exact types.
            (HeapType::Exact(_), _)
            | (_, HeapType::Exact(_))
            | (HeapType::Concrete(_), _)
            | (_, HeapType::Concrete(_)) => false,
        }
    }
}

/// The supertypes of an abstract type.
fn above(ty: AbstractHeapType) -> &'static [AbstractHeapType] {
    use AbstractHeapType as Heap;
    match ty {
        Heap::None => &[Heap::I31, Heap::Struct, Heap::Array, Heap::Eq, Heap::Any],
        Heap::I31 | Heap::Struct | Heap::Array => &[Heap::Eq, Heap::Any],
        Heap::Eq => &[Heap::Any],
        Heap::NoFunc => &[Heap::Func],
        Heap::NoExtern => &[Heap::Extern],
        Heap::NoExn => &[Heap::Exn],
        Heap::NoCont => &[Heap::Cont],
        Heap::Any | Heap::Func | Heap::Extern | Heap::Exn | Heap::Cont => &[],
    }
}

/// Whether equal function types of this kind are equal in all modules: it is final, alone in its group, has no
/// supertype, and refers to no other type.
pub(crate) fn is_plain(group: &RecGroup, ty: &SubType, function: &FuncType) -> bool {
    let names_none = |ty: &ValType| match ty {
        ValType::Ref(ty) => matches!(ty.heap_type(), HeapType::Abstract { .. }),
        _ => true,
    };
    group.types().len() == 1
        && ty.is_final
        && ty.supertype_idxs.is_empty()
        && function
            .params()
            .iter()
            .chain(function.results())
            .all(names_none)
}

/// A group that is being read.
struct Words<'a> {
    earlier: &'a [Type],
    words: Vec<Word>,
}

impl Words<'_> {
    fn ty(&mut self, ty: &SubType) {
        self.words.push(Word::Type {
            is_final: ty.is_final,
            shared: ty.composite_type.shared,
            supertypes: ty.supertype_idxs.len(),
        });
        for supertype in ty.supertype_idxs.iter() {
            self.index(supertype.unpack().as_module_index());
        }
        match &ty.composite_type.inner {
            CompositeInnerType::Func(ty) => {
                self.words.push(Word::Function(ty.params().len()));
                for ty in ty.params().iter().chain(ty.results()) {
                    self.value(*ty);
                }
            }
            CompositeInnerType::Struct(ty) => {
                self.words.push(Word::Struct(ty.fields.len()));
                for field in &ty.fields {
                    self.field(*field);
                }
            }
            CompositeInnerType::Array(ty) => {
                self.words.push(Word::Array);
                self.field(ty.0);
            }
            CompositeInnerType::Cont(ty) => {
                self.words.push(Word::Continuation);
                self.index(ty.0.unpack().as_module_index());
            }
        }
    }

    fn field(&mut self, field: FieldType) {
        let mutable = field.mutable;
        self.words.push(Word::Field { mutable });
        match field.element_type {
            StorageType::Val(ty) => self.value(ty),
            packed => self.words.push(Word::Packed(packed)),
        }
    }

    fn value(&mut self, ty: ValType) {
        let ValType::Ref(reference) = ty else {
            self.words.push(Word::Value(ty));
            return;
        };
        let nullable = reference.is_nullable();
        let (index, exact) = match reference.heap_type() {
            HeapType::Abstract { .. } => return self.words.push(Word::Value(ty)),
            HeapType::Concrete(index) => (index, false),
            HeapType::Exact(index) => (index, true),
        };
        self.words.push(Word::Reference { nullable, exact });
        self.index(index.as_module_index());
    }

    fn index(&mut self, index: Option<u32>) {
        let first = self.earlier.len() as u32;
        self.words.push(match index {
            Some(index) => match index.checked_sub(first) {
                Some(own) => Word::Own(own),
                None => Word::Earlier(self.earlier[index as usize].key),
            },
            None => Word::Nothing,
        });
    }
}

#[cfg(test)]
mod tests {
    use wasmparser::{RefType, ValType};

    use super::Canonical;

    fn types(text: &str) -> Canonical {
        Canonical::read(&wat::parse_str(format!("(module {text})")).expect("the text is valid"))
    }

    /// Whether type `own` of one module matches type `other` of another one.
    fn matches((one, own): (&str, u32), (two, other): (&str, u32)) -> bool {
        types(one).matches(own, &types(two), other)
    }

    const TREE: &str =
        "(rec (type $t (sub (struct (field (ref null $t))))) (type $f (func (param (ref $t)))))";

    #[test]
    fn equal_structure_is_the_same_type() {
        assert!(matches((TREE, 0), (&format!("(type (func)) {TREE}"), 1)));
        assert!(matches((TREE, 1), (&format!("(type (func)) {TREE}"), 2)));
        assert!(!matches((TREE, 0), (TREE, 1)));
        // Separate groups, another order, another position.
        assert!(matches(("(rec (type (func)))", 0), ("(type (func))", 0)));
        let two = "(rec (type (func)) (type (struct)))";
        assert!(!matches((two, 0), ("(type (func))", 0)));
        assert!(!matches(
            (two, 0),
            ("(rec (type (struct)) (type (func)))", 1)
        ));
        // Finality and mutability matter.
        assert!(!matches(("(type (sub (func)))", 0), ("(type (func))", 0)));
        assert!(!matches(
            ("(type (array i8))", 0),
            ("(type (array (mut i8)))", 0)
        ));
    }

    #[test]
    fn subtypes_match_and_not_the_other_way_round() {
        let family = "(type $a (sub (struct))) (type $b (sub $a (struct (field i32)))) (type (sub $b (struct (field i32) (field i64))))";
        assert!(
            matches((family, 2), (family, 0)) && matches((family, 2), ("(type (sub (struct)))", 0))
        );
        assert!(!matches((family, 0), (family, 2)));
    }

    #[test]
    fn references() {
        let types = types("(type (struct)) (type (func)) (type (array i8))");
        let matches =
            |own, other| types.value_matches(ValType::Ref(own), &types, ValType::Ref(other));
        for (own, others) in [
            (
                RefType::I31,
                &[RefType::I31REF, RefType::EQ, RefType::ANYREF][..],
            ),
            (RefType::FUNC, &[RefType::FUNCREF]),
            (
                RefType::NULLREF,
                &[
                    RefType::STRUCTREF,
                    RefType::ARRAYREF,
                    RefType::I31REF,
                    RefType::ANYREF,
                ][..1],
            ),
        ] {
            for other in others {
                assert_eq!(
                    matches(own, *other),
                    own.is_nullable() <= other.is_nullable(),
                    "{own} {other}"
                );
                assert!(!matches(*other, own) || own == *other, "{own} {other}");
            }
        }
        assert!(
            !matches(RefType::FUNCREF, RefType::ANYREF)
                && !matches(RefType::FUNCREF, RefType::FUNC)
        );
        let concrete = |index, nullable| {
            let index = wasmparser::PackedIndex::from_module_index(index).expect("it is small");
            RefType::concrete(nullable, index)
        };
        for (index, above, beside) in [
            (0, RefType::STRUCTREF, RefType::ARRAYREF),
            (1, RefType::FUNCREF, RefType::ANYREF),
            (2, RefType::ARRAYREF, RefType::STRUCTREF),
        ] {
            assert!(
                matches(concrete(index, false), above) && !matches(concrete(index, false), beside)
            );
            assert!(matches(concrete(index, false), concrete(index, true)));
            assert!(
                !matches(concrete(index, true), concrete(index, false))
                    && !matches(above, concrete(index, true))
            );
        }
        assert!(
            matches(RefType::NULLREF, concrete(0, true))
                && matches(RefType::NULLFUNCREF, concrete(1, true))
        );
        assert!(!matches(RefType::NULLREF, concrete(1, true)));
        assert!(types.value_equals(ValType::I32, &types, ValType::I32));
        assert!(!types.value_matches(ValType::I32, &types, ValType::I64));
    }
}
