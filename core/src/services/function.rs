//! The host functions that users write.
//!
//! [`Function::new`] is the plain form (slots in, slots out), [`Function::typed`] takes a closure over numbers,
//! [`Function::bytes`] and [`Function::text`] take one over a block of the kernel memory. They know neither the
//! engine nor the importing module.

use std::{fmt, sync::Arc};

use crate::{
    base::{
        error::{Error, ErrorKind, Result},
        numbers::Numbers,
        types::Signature,
    },
    kernel::{caller::Caller, host_function::HostFunc, taken},
};

/// A function that the host offers to guests. Cloning shares it.
#[derive(Clone)]
pub struct Function {
    namespace: Option<Box<str>>,
    name: Box<str>,
    func: Arc<HostFunc>,
}

impl Function {
    /// A function over slots: parameters are in the first slots, results go into the first slots. Integers are
    /// zero-extended, floats are bits (see [`NumType`](crate::NumType)).
    pub fn new(
        name: impl Into<Box<str>>,
        signature: Signature,
        body: impl Fn(Caller<'_>, &mut [u64]) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        let name = name.into();
        let func = HostFunc::new(name.clone(), signature, Box::new(body));
        Self {
            namespace: None,
            name,
            func,
        }
    }

    /// A function over numbers: parameters are a tuple of `i32 u32 i64 u64 f32 f64`, the result is
    /// `()`, one number or a tuple.
    ///
    /// ```
    /// # use polyextism_core::Function;
    /// Function::typed("add", |_, (a, b): (i64, i32)| Ok(a + i64::from(b)));
    /// ```
    pub fn typed<P: Numbers, R: Numbers>(
        name: impl Into<Box<str>>,
        body: impl Fn(&mut Caller<'_>, P) -> Result<R> + Send + Sync + 'static,
    ) -> Self {
        let signature = Signature::new(P::TYPES, R::TYPES);
        Self::new(name, signature, move |mut caller, slots| {
            let results = body(&mut caller, P::load(slots))?;
            results.store(slots);
            Ok(())
        })
    }

    /// A function from bytes to bytes, `(param i64) (result i64)`: both are handles of blocks, as
    /// the language kits pass them. An empty result is the null handle.
    pub fn bytes(
        name: impl Into<Box<str>>,
        body: impl Fn(&mut Caller<'_>, &[u8]) -> Result<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        let name = name.into();
        let subject = format!("host function `{name}`: the input");
        Self::typed(name, move |caller, (input,): (u64,)| {
            let input = taken::block(caller, input, usize::MAX, &subject)?;
            let output = body(caller, &input)?;
            caller.write(&output)
        })
    }

    /// As [`Function::bytes`], over UTF-8 text.
    pub fn text(
        name: impl Into<Box<str>>,
        body: impl Fn(&mut Caller<'_>, &str) -> Result<String> + Send + Sync + 'static,
    ) -> Self {
        let name = name.into();
        let own_name = name.clone();
        Self::bytes(name, move |caller, input| match str::from_utf8(input) {
            Ok(text) => Ok(body(caller, text)?.into_bytes()),
            Err(error) => Err(Error::new(
                ErrorKind::HostFunction,
                format!("host function `{own_name}` was given text that is not UTF-8"),
            )
            .with_source(error)),
        })
    }

    /// The same function, for imports from this namespace only. Without a namespace it resolves imports from
    /// `extism:host/user`, `env`, and any namespace that nothing else provides.
    #[must_use]
    pub fn with_namespace(mut self, namespace: impl Into<Box<str>>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// The namespace, if the function is bound to one.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// The name by which guests import it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its type.
    pub fn signature(&self) -> &Signature {
        self.func.signature()
    }

    pub(crate) fn func(&self) -> &Arc<HostFunc> {
        &self.func
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let namespace = self.namespace().unwrap_or("*");
        write!(
            f,
            "Function({namespace}::{} {})",
            self.name,
            self.signature()
        )
    }
}
