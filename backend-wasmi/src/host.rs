//! One host function of core as one function of wasmi, and the call frame as a [`Guest`].
//!
//! This file does not know what a host function does. wasmi's functions for any signature allocate on
//! every call, its typed functions do not: [`SHAPES`] lists the signatures that get a typed one.
//! Invariant: a call of a listed shape does not allocate; both paths behave the same.

use std::sync::Arc;

use polyextism_core::backend::{Failed, Guest, Host, HostFunc, MemoryId, NumType, Signature};
use wasmi::{Caller, Error, Func, FuncType, Store, Val, WasmRet, WasmTy};

use crate::{
    conv::{self, Slot, Stopped},
    instance::State,
};

/// A host function, bound to the memory of the module that imports it, and the way to make it a
/// function of wasmi.
pub(crate) struct Bound {
    func: Arc<HostFunc>,
    memory: Option<MemoryId>,
    make: Make,
}

enum Make {
    Typed(Typed),
    Dynamic(FuncType),
}

type Typed = fn(&mut Store<State>, Body) -> Func;

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
    pub(crate) fn function(&self, store: &mut Store<State>) -> Func {
        let body = Body {
            func: Arc::clone(&self.func),
            memory: self.memory,
        };
        match &self.make {
            Make::Typed(make) => make(store, body),
            Make::Dynamic(ty) => Func::new(store, ty.clone(), move |caller, params, results| {
                body.dynamic(caller, params, results)
            }),
        }
    }
}

/// What a function of wasmi runs.
struct Body {
    func: Arc<HostFunc>,
    memory: Option<MemoryId>,
}

impl Body {
    fn dynamic(
        &self,
        caller: Caller<'_, State>,
        params: &[Val],
        results: &mut [Val],
    ) -> Result<(), Error> {
        let signature = self.func.signature();
        let mut slots = vec![0; signature.slots()];
        for (slot, param) in slots.iter_mut().zip(params) {
            *slot = conv::to_slot(param).expect("the type of the function has only numbers");
        }
        self.call(caller, &mut slots).map_err(failed)?;
        for ((result, slot), ty) in results.iter_mut().zip(slots).zip(&signature.results) {
            *result = conv::to_val(*ty, slot);
        }
        Ok(())
    }

    #[inline]
    fn typed<const N: usize, R: Returned>(
        &self,
        caller: Caller<'_, State>,
        mut slots: [u64; N],
    ) -> Result<R, Error> {
        let used = self.func.signature().slots();
        self.call(caller, &mut slots[..used]).map_err(failed)?;
        Ok(R::from_slots(&slots))
    }

    #[inline]
    fn call(&self, caller: Caller<'_, State>, slots: &mut [u64]) -> Result<(), Failed> {
        self.func.call(&mut Frame(caller), self.memory, slots)
    }
}

#[cold]
fn failed(failed: Failed) -> Error {
    Error::host(Stopped(failed))
}

/// The program, seen from inside a host function.
struct Frame<'a>(Caller<'a, State>);

impl Guest for Frame<'_> {
    fn split(&mut self, memory: MemoryId) -> (&mut [u8], &mut Host) {
        let memory = self.0.data().memories[memory.0 as usize];
        let (bytes, state) = memory.data_and_store_mut(&mut self.0);
        (bytes, &mut state.host)
    }

    fn grow(&mut self, memory: MemoryId, pages: u64) -> Option<u64> {
        let memory = self.0.data().memories[memory.0 as usize];
        memory.grow(&mut self.0, pages).ok()
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

/// A parameter of a typed function.
trait Param: Slot + WasmTy + Send + Sync + 'static {}
impl Param for i32 {}
impl Param for i64 {}

/// The results of a typed function.
trait Returned: Sized + 'static {
    const TYPES: &'static [NumType];
    fn from_slots(slots: &[u64]) -> Self;
}

impl Returned for () {
    const TYPES: &'static [NumType] = &[];
    fn from_slots(_: &[u64]) -> Self {}
}

impl<T: Param> Returned for T {
    const TYPES: &'static [NumType] = &[T::TYPE];
    fn from_slots(slots: &[u64]) -> Self {
        T::from_slot(slots[0])
    }
}

const fn none<R: Returned>() -> Shape
where
    Result<R, Error>: WasmRet,
{
    Shape {
        params: &[],
        results: R::TYPES,
        make: |store, body| {
            Func::wrap(store, move |cx: Caller<'_, State>| {
                body.typed::<1, R>(cx, [0])
            })
        },
    }
}

const fn one<A: Param, R: Returned>() -> Shape
where
    Result<R, Error>: WasmRet,
{
    Shape {
        params: const { &[A::TYPE] },
        results: R::TYPES,
        make: |store, body| {
            let run = move |cx: Caller<'_, State>, a: A| body.typed::<1, R>(cx, [a.to_slot()]);
            Func::wrap(store, run)
        },
    }
}

const fn two<A: Param, B: Param, R: Returned>() -> Shape
where
    Result<R, Error>: WasmRet,
{
    Shape {
        params: const { &[A::TYPE, B::TYPE] },
        results: R::TYPES,
        make: |store, body| {
            let run = move |cx: Caller<'_, State>, a: A, b: B| {
                body.typed::<2, R>(cx, [a.to_slot(), b.to_slot()])
            };
            Func::wrap(store, run)
        },
    }
}

const fn three<A: Param, B: Param, C: Param, R: Returned>() -> Shape
where
    Result<R, Error>: WasmRet,
{
    Shape {
        params: const { &[A::TYPE, B::TYPE, C::TYPE] },
        results: R::TYPES,
        make: |store, body| {
            let run = move |cx: Caller<'_, State>, a: A, b: B, c: C| {
                body.typed::<3, R>(cx, [a.to_slot(), b.to_slot(), c.to_slot()])
            };
            Func::wrap(store, run)
        },
    }
}

const fn four<A: Param, B: Param, C: Param, D: Param, R: Returned>() -> Shape
where
    Result<R, Error>: WasmRet,
{
    Shape {
        params: const { &[A::TYPE, B::TYPE, C::TYPE, D::TYPE] },
        results: R::TYPES,
        make: |store, body| {
            let run = move |cx: Caller<'_, State>, a: A, b: B, c: C, d: D| {
                body.typed::<4, R>(cx, [a.to_slot(), b.to_slot(), c.to_slot(), d.to_slot()])
            };
            Func::wrap(store, run)
        },
    }
}
