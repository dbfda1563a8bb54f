//! One host function of core as one function of wasmtime, and the call frame as a [`Guest`].
//!
//! This file does not know what a host function does. It holds the only unsafe code of the crate:
//! wasmtime's unchecked functions, which pass numbers without allocating. Invariant: a call with
//! up to [`INLINE`] slots does not allocate.

#![allow(
    unsafe_code,
    reason = "`Func::new_unchecked` is what calls without an allocation"
)]

use std::{mem::MaybeUninit, sync::Arc};

use polyextism_core::{
    engine::{
        guest::Guest,
        types::{HostFunc, MemoryId},
    },
    host::Host,
};
use wasmtime::{Caller, Func, FuncType, Store, ValRaw};

use crate::{conv, instance::State};

/// How many slots of a call live on the stack.
const INLINE: usize = 16;

/// The function, bound to the memory of the module that imports it. `ty` is the type of its
/// signature.
pub(crate) fn function(
    store: &mut Store<State>,
    ty: &FuncType,
    func: &Arc<HostFunc>,
    memory: Option<MemoryId>,
) -> Func {
    let func = Arc::clone(func);
    let body = move |caller: Caller<'_, State>, values: &mut [MaybeUninit<ValRaw>]| {
        let mut inline = [0; INLINE];
        match inline.get_mut(..values.len()) {
            Some(slots) => call(&func, memory, caller, values, slots),
            None => call(&func, memory, caller, values, &mut vec![0; values.len()]),
        }
    };
    // SAFETY: `ty` was made from the signature of `func`, and `call` reads parameters and writes
    // results by that signature, which only has numbers.
    unsafe { Func::new_unchecked(store, ty.clone(), body) }
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
        // SAFETY: wasmtime has written a value of type `ty` for every parameter, and `to_slot`
        // reads nothing but a value of that type.
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
