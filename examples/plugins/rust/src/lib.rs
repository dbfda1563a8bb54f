use extism_pdk::*;

#[plugin_fn]
pub fn greet(name: String) -> FnResult<String> {
    let greeting = config::get("greeting")?.unwrap_or("Hello".to_owned());
    Ok(format!("{greeting}, {name}!"))
}
