//! One host function of core as one function of wasmer, and the call frame as a [`Guest`].
//!
//! This file does not know what a host function does. wasmer's functions for any signature
//! allocate on every call, its typed functions do not: [`SHAPES`] lists the signatures that get a
//! typed one. Invariant: a call of a listed shape does not allocate; both paths behave the same.

use std::sync::Arc;

use polyextism_core::backend::{Failed, Guest, Host, HostFunc, MemoryId, NumType, Signature};
use wasmer::{
    FromToNativeWasmType, Function, FunctionEnv, FunctionEnvMut, FunctionType, RuntimeError, Store,
    Value, WasmTypeList,
};

use crate::{
    conv::{self, Slot},
    instance::{self, State},
};

/// A host function, bound to the memory of the module that imports it, and the way to make it a
/// function of wasmer.
pub(crate) struct Bound {
    func: Arc<HostFunc>,
    memory: Option<MemoryId>,
    make: Make,
}

enum Make {
    Typed(Typed),
    Dynamic(FunctionType),
}

type Typed = fn(&mut Store, &FunctionEnv<State>, Body) -> Function;

impl Bound {
    /// Chooses the way once for all instances.
    pub(crate) fn new(func: Arc<HostFunc>, memory: Option<MemoryId>) -> Self {
        let signature = func.signature();
        let make = match SHAPES.iter().find(|shape| shape.fits(signature)) {
            Some(shape) => Make::Typed(shape.make),
            None => Make::Dynamic(conv::func_type(signature)),
        };
        Self { func, memory, make }
    }

    /// The function in `store`.
    pub(crate) fn function(&self, store: &mut Store, env: &FunctionEnv<State>) -> Function {
        let body = Body {
            func: Arc::clone(&self.func),
            memory: self.memory,
        };
        match &self.make {
            Make::Typed(make) => make(store, env, body),
            Make::Dynamic(ty) => Function::new_with_env(store, env, ty, move |store, params| {
                body.dynamic(store, params)
            }),
        }
    }
}

/// What a function of wasmer runs.
struct Body {
    func: Arc<HostFunc>,
    memory: Option<MemoryId>,
}

impl Body {
    fn dynamic(
        &self,
        store: FunctionEnvMut<'_, State>,
        params: &[Value],
    ) -> Result<Vec<Value>, RuntimeError> {
        let signature = self.func.signature();
        let mut slots = vec![0; signature.slots()];
        for (slot, param) in slots.iter_mut().zip(params) {
            *slot = conv::to_slot(param).expect("the type of the function has only numbers");
        }
        match self.call(store, &mut slots) {
            Ok(()) => {
                let results = signature.results.iter().zip(slots);
                Ok(results
                    .map(|(ty, slot)| conv::to_value(*ty, slot))
                    .collect())
            }
            Err(error) => Err(failed(error)),
        }
    }

    #[inline]
    fn typed<const N: usize, R: Returned>(
        &self,
        store: FunctionEnvMut<'_, State>,
        mut slots: [u64; N],
    ) -> Result<R, RuntimeError> {
        let used = self.func.signature().slots();
        self.call(store, &mut slots[..used]).map_err(failed)?;
        Ok(R::from_slots(&slots))
    }

    #[inline]
    fn call(&self, store: FunctionEnvMut<'_, State>, slots: &mut [u64]) -> Result<(), Failed> {
        self.func.call(&mut Frame(store), self.memory, slots)
    }
}

/// The failure as an error of wasmer. Making it records what is on the stack, which is gone later.
#[cold]
fn failed(failed: Failed) -> RuntimeError {
    RuntimeError::user(Box::new(failed))
}

/// The program, seen from inside a host function.
struct Frame<'a>(FunctionEnvMut<'a, State>);

impl Guest for Frame<'_> {
    fn split(&mut self, memory: MemoryId) -> (&mut [u8], &mut Host) {
        instance::split(&self.0.as_ref(), &mut self.0, memory)
    }

    fn host(&mut self) -> &mut Host {
        self.0.data_mut().host()
    }

    fn grow(&mut self, memory: MemoryId, pages: u64) -> Option<u64> {
        instance::grow(&self.0.as_ref(), &mut self.0, memory, pages)
    }
}

/// A signature that gets a typed function.
struct Shape {
    params: &'static [NumType],
    results: &'static [NumType],
    make: Typed,
}

impl Shape {
    fn fits(&self, signature: &Signature) -> bool {
        *self.params == *signature.params && *self.results == *signature.results
    }
}

/// The signatures that programs use most; any other takes the dynamic path. Adding one is adding a
/// line.
const SHAPES: &[Shape] = &[
    none::<()>(),
    none::<i32>(),
    none::<i64>(),
    one::<i32, ()>(),
    one::<i32, i32>(),
    one::<i64, ()>(),
    one::<i64, i32>(),
    one::<i64, i64>(),
    two::<i32, i32, ()>(),
    two::<i32, i32, i32>(),
    two::<i64, i64, ()>(),
    two::<i64, i64, i64>(),
    three::<i32, i32, i32, ()>(),
    three::<i32, i32, i32, i32>(),
    three::<i32, i64, i32, i32>(),
    three::<i64, i64, i64, ()>(),
    three::<i64, i64, i64, i64>(),
    four::<i32, i32, i32, i32, i32>(),
    four::<i32, i64, i32, i32, i32>(),
    four::<i64, i64, i64, i64, i64>(),
];

/// A parameter of a typed function. Only integers: code of wasmer's singlepass compiler takes the
/// float that a typed function returns from the wrong register. Its dynamic path is right.
trait Param: Slot + FromToNativeWasmType + 'static {}
impl Param for i32 {}
impl Param for i64 {}

/// The results of a typed function.
trait Returned: WasmTypeList + 'static {
    const TYPES: &'static [NumType];
    fn from_slots(slots: &[u64]) -> Self;
}

impl Returned for () {
    const TYPES: &'static [NumType] = &[];
    fn from_slots(_: &[u64]) -> Self {}
}

impl<T: Param + WasmTypeList> Returned for T {
    const TYPES: &'static [NumType] = &[T::TYPE];
    fn from_slots(slots: &[u64]) -> Self {
        T::from_slot(slots[0])
    }
}

const fn none<R: Returned>() -> Shape {
    Shape {
        params: &[],
        results: R::TYPES,
        make: |store, env, body| {
            let run = move |cx: FunctionEnvMut<'_, State>| body.typed::<1, R>(cx, [0]);
            Function::new_typed_with_env(store, env, run)
        },
    }
}

const fn one<A: Param, R: Returned>() -> Shape {
    Shape {
        params: const { &[A::TYPE] },
        results: R::TYPES,
        make: |store, env, body| {
            let run =
                move |cx: FunctionEnvMut<'_, State>, a: A| body.typed::<1, R>(cx, [a.to_slot()]);
            Function::new_typed_with_env(store, env, run)
        },
    }
}

const fn two<A: Param, B: Param, R: Returned>() -> Shape {
    Shape {
        params: const { &[A::TYPE, B::TYPE] },
        results: R::TYPES,
        make: |store, env, body| {
            let run = move |cx: FunctionEnvMut<'_, State>, a: A, b: B| {
                body.typed::<2, R>(cx, [a.to_slot(), b.to_slot()])
            };
            Function::new_typed_with_env(store, env, run)
        },
    }
}

const fn three<A: Param, B: Param, C: Param, R: Returned>() -> Shape {
    Shape {
        params: const { &[A::TYPE, B::TYPE, C::TYPE] },
        results: R::TYPES,
        make: |store, env, body| {
            let run = move |cx: FunctionEnvMut<'_, State>, a: A, b: B, c: C| {
                body.typed::<3, R>(cx, [a.to_slot(), b.to_slot(), c.to_slot()])
            };
            Function::new_typed_with_env(store, env, run)
        },
    }
}

const fn four<A: Param, B: Param, C: Param, D: Param, R: Returned>() -> Shape {
    Shape {
        params: const { &[A::TYPE, B::TYPE, C::TYPE, D::TYPE] },
        results: R::TYPES,
        make: |store, env, body| {
            let run = move |cx: FunctionEnvMut<'_, State>, a: A, b: B, c: C, d: D| {
                body.typed::<4, R>(cx, [a.to_slot(), b.to_slot(), c.to_slot(), d.to_slot()])
            };
            Function::new_typed_with_env(store, env, run)
        },
    }
}
