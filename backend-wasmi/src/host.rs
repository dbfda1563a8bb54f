//! One host function of core as one function of wasmi, and the call frame as a [`Guest`].
//!
//! This file does not know what a host function does. wasmi's functions for any signature allocate on
//! every call, its typed functions do not: [`SHAPES`] lists the signatures that get a typed one.
//! Invariant: a call of a listed shape does not allocate; both paths behave the same.

use std::sync::Arc;

use polyextism_core::backend::{
    Failed, Guest, Host, HostFunc, MemoryId, NumType, Number, Numbers, Signature,
    host_function_shapes,
};
use wasmi::{Caller, Error, Func, FuncType, Store, Val};

use crate::{
    conv::{self, Stopped},
    instance::State,
};

/// A host function, bound to the memory of the importing module, and how to make it a function of wasmi.
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
    /// Chooses typed or untyped once for all instances.
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

/// The body of a function of wasmi.
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
    fn typed<R: Numbers>(&self, caller: Caller<'_, State>, slots: &mut [u64]) -> Result<R, Error> {
        let used = self.func.signature().slots();
        self.call(caller, &mut slots[..used]).map_err(failed)?;
        Ok(R::load(slots))
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

/// How to make a typed function for a signature. Its calls do not allocate.
macro_rules! shape {
    ([$($name:ident: $Param:ty),*] -> $Result:ty) => {
        Shape {
            params: &[$(<$Param as Number>::TYPE),*],
            results: <$Result as Numbers>::TYPES,
            make: |store, body| {
                Func::wrap(store, move |cx: Caller<'_, State>, $($name: $Param),*| {
                    body.typed::<$Result>(cx, &mut [$($name.into_slot(),)* 0])
                })
            },
        }
    };
}

const SHAPES: &[Shape] = host_function_shapes!(shape);
