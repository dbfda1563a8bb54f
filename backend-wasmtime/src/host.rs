//! One host function of core as one function of wasmtime, and the call frame as a [`Guest`].
//!
//! This file does not know what a host function does. Its unsafe code uses wasmtime's unchecked functions, which
//! pass numbers without allocating. Invariant: a call with up to [`INLINE`] slots does not allocate.

#![allow(
    unsafe_code,
    reason = "`Func::new_unchecked` is what calls without an allocation"
)]

use std::{mem::MaybeUninit, sync::Arc};

use polyextism_core::backend::{Guest, Host, HostFunc, MemoryId};
use wasmtime::{Caller, Engine, Func, FuncType, ImportType, Linker, Store, ValRaw};

use crate::{conv, instance::State};

/// How many slots of a call live on the stack.
const INLINE: usize = 16;

/// A host function, bound to the memory of the importing module.
#[derive(Clone)]
pub(crate) struct Bound {
    func: Arc<HostFunc>,
    memory: Option<MemoryId>,
    ty: FuncType,
}

impl Bound {
    pub(crate) fn new(engine: &Engine, func: Arc<HostFunc>, memory: Option<MemoryId>) -> Self {
        let ty = conv::func_type(engine, func.signature());
        Self { func, memory, ty }
    }

    /// Whether both are the same function with the same memory.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.func, &other.func) && self.memory == other.memory
    }

    /// The function in `store`.
    pub(crate) fn function(&self, store: &mut Store<State>) -> Func {
        // SAFETY: `ty` was made from the signature of `func`, and `call` reads parameters and
        // writes results by that signature, which only has numbers.
        unsafe { Func::new_unchecked(store, self.ty.clone(), self.body()) }
    }

    /// The function for every store, with the type of `import`.
    pub(crate) fn define(
        &self,
        linker: &mut Linker<State>,
        import: &ImportType<'_>,
    ) -> wasmtime::Result<()> {
        let (module, name) = (import.module(), import.name());
        // SAFETY: as in `function`.
        unsafe { linker.func_new_unchecked(module, name, self.ty.clone(), self.body())? };
        Ok(())
    }

    fn body(
        &self,
    ) -> impl Fn(Caller<'_, State>, &mut [MaybeUninit<ValRaw>]) -> wasmtime::Result<()> + use<>
    {
        let (func, memory) = (Arc::clone(&self.func), self.memory);
        move |caller, values| {
            let mut inline = [0; INLINE];
            match inline.get_mut(..values.len()) {
                Some(slots) => call(&func, memory, caller, values, slots),
                None => call(&func, memory, caller, values, &mut vec![0; values.len()]),
            }
        }
    }
}

#[inline]
fn call(
    func: &HostFunc,
    memory: Option<MemoryId>,
    caller: Caller<'_, State>,
    values: &mut [MaybeUninit<ValRaw>],
    slots: &mut [u64],
) -> wasmtime::Result<()> {
    let signature = func.signature();
    for ((slot, value), ty) in slots.iter_mut().zip(&*values).zip(&signature.params) {
        // SAFETY: wasmtime has written a value of type `ty` for every parameter, and `to_slot` reads only a value
        // of that type.
        *slot = conv::to_slot(*ty, unsafe { value.assume_init_ref() });
    }
    func.call(&mut Frame(caller), memory, slots)?;
    for ((value, slot), ty) in values.iter_mut().zip(slots).zip(&signature.results) {
        value.write(conv::to_raw(*ty, *slot));
    }
    Ok(())
}

/// The program, seen from inside a host function.
struct Frame<'a>(Caller<'a, State>);

impl Guest for Frame<'_> {
    fn split(&mut self, memory: MemoryId) -> (&mut [u8], &mut Host) {
        let memory = self.0.data().memories[memory.0 as usize];
        let (bytes, state) = memory.data_and_store_mut(&mut self.0);
        (bytes, &mut state.host)
    }

    fn host(&mut self) -> &mut Host {
        &mut self.0.data_mut().host
    }

    fn grow(&mut self, memory: MemoryId, pages: u64) -> Option<u64> {
        let memory = self.0.data().memories[memory.0 as usize];
        memory.grow(&mut self.0, pages).ok()
    }
}
