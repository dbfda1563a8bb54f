//! The host functions that cases can be given, by kind. They know no engine.

use polyextism::{Error, ErrorKind, Function};

/// Understands `KIND [as NAME] [in NAMESPACE]`. Without a name the function is called as its kind.
///
/// # Errors
/// If there is no such kind.
pub fn function(text: &str) -> Result<Function, String> {
    let mut words = text.split_whitespace();
    let kind = words.next().unwrap_or_default();
    let mut name = kind;
    let mut namespace = None;
    while let Some(word) = words.next() {
        let value = words.next();
        let value = value.ok_or_else(|| format!("`{word}` of what? {text}"))?;
        match word {
            "as" => name = value,
            "in" => namespace = Some(value),
            _ => return Err(format!("unknown word `{word}`: {text}")),
        }
    }
    let function = make(kind, name).ok_or_else(|| format!("no function of the kind `{kind}`"))?;
    Ok(match namespace {
        Some(namespace) => function.with_namespace(namespace),
        None => function,
    })
}

fn make(kind: &str, name: &str) -> Option<Function> {
    Some(match kind {
        "hello_world" => Function::text(name, |_, input| Ok(format!("Hello, {input}!"))),
        "reverse" => Function::bytes(name, |_, input| Ok(input.iter().rev().copied().collect())),
        "one" => Function::typed(name, |_, ()| Ok(1i64)),
        "two" => Function::typed(name, |_, ()| Ok(2i64)),
        "add" => Function::typed(name, |_, (a, b): (i64, i64)| Ok(a.wrapping_add(b))),
        "nothing" => Function::typed(name, |_, ()| Ok(())),
        "fail" => Function::typed(name, |_, ()| {
            let message = "the harness refuses";
            Err::<(), _>(Error::new(ErrorKind::HostFunction, message))
        }),
        "panic" => Function::typed(name, |_, ()| -> polyextism::Result<()> {
            panic!("the harness panics")
        }),
        // The sum of bytes of the memory of the module that calls.
        "sum" => Function::typed(name, |caller, (at, length): (u32, u32)| {
            let (memory, _) = caller.memory();
            let bytes = memory.get(at as usize..).unwrap_or_default();
            let bytes = bytes.iter().take(length as usize);
            Ok(bytes.map(|byte| i64::from(*byte)).sum::<i64>())
        }),
        // Counts its calls in a variable of the plug-in.
        "count" => Function::typed(name, |caller, ()| {
            let vars = caller.host().vars_mut();
            let count = vars.get("count").map_or(0, |value| i64::from(value[0])) + 1;
            vars.set("count", [count as u8]).map_err(|error| {
                Error::new(ErrorKind::HostFunction, "the count cannot be kept").with_source(error)
            })?;
            Ok(count)
        }),
        _ => return None,
    })
}
