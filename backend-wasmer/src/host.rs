//! One host function of core as one function of wasmer, and the call frame as a [`Guest`].
//!
//! This file does not know what a host function does. wasmer's functions for any signature
//! allocate on every call, its typed functions do not: [`SHAPES`] lists the signatures that get a
//! typed one. Invariant: a call of a listed shape does not allocate; both paths behave the same.

use std::sync::Arc;

use polyextism_core::backend::{
    Failed, Guest, Host, HostFunc, MemoryId, NumType, Number, Numbers, Signature,
    host_function_shapes,
};
use wasmer::{Function, FunctionEnv, FunctionEnvMut, FunctionType, RuntimeError, Store, Value};

use crate::{
    conv,
    instance::{self, State},
};

/// A host function, bound to the memory of the importing module, and how to make it a function of wasmer.
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

/// The body of a function of wasmer.
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
    fn typed<R: Numbers>(
        &self,
        store: FunctionEnvMut<'_, State>,
        slots: &mut [u64],
    ) -> Result<R, RuntimeError> {
        let used = self.func.signature().slots();
        self.call(store, &mut slots[..used]).map_err(failed)?;
        Ok(R::load(slots))
    }

    #[inline]
    fn call(&self, store: FunctionEnvMut<'_, State>, slots: &mut [u64]) -> Result<(), Failed> {
        self.func.call(&mut Frame(store), self.memory, slots)
    }
}

/// The failure as an error of wasmer. Making it records the stack, which is gone later.
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

/// How to make a typed function for a signature. Its calls do not allocate.
macro_rules! shape {
    ([$($name:ident: $Param:ty),*] -> $Result:ty) => {
        Shape {
            params: &[$(<$Param as Number>::TYPE),*],
            results: <$Result as Numbers>::TYPES,
            make: |store, env, body| {
                let run = move |cx: FunctionEnvMut<'_, State>, $($name: $Param),*| {
                    body.typed::<$Result>(cx, &mut [$($name.into_slot(),)* 0])
                };
                Function::new_typed_with_env(store, env, run)
            },
        }
    };
}

const SHAPES: &[Shape] = host_function_shapes!(shape);
