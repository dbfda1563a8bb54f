//! The JSON Schema of manifests, made from the types. Tests compare it with the published file and with the reader.

use std::{borrow::Cow, path::Path};

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use serde_json::{Value, json};

use super::{JSON_SCHEMA, MODULE_LIMIT, Manifest, Wasm};

impl JsonSchema for Wasm {
    fn schema_name() -> Cow<'static, str> {
        "Wasm".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let texts = json!({"type": "object", "additionalProperties": {"type": "string"}});
        json_schema!({
            "description": "A module of a manifest: exactly one of `path`, `data` and `url`.",
            "type": "object",
            "properties": {
                "path": {
                    "description": "A file, a WebAssembly binary or text.",
                    "type": ["string", "null"],
                },
                "data": {
                    "description": "The bytes of a WebAssembly binary or text, in base64.",
                    "type": ["string", "null"],
                    "contentEncoding": "base64",
                    "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$",
                },
                "url": {"description": "Where to fetch it.", "type": ["string", "null"]},
                "method": {
                    "description": "The HTTP method beside `url`; GET if absent.",
                    "type": ["string", "null"],
                },
                "headers": {"description": "HTTP headers beside `url`.", "allOf": [texts]},
                "header": {"description": "What older manifests call `headers`.", "deprecated": true,
                    "allOf": [texts]},
                "name": {
                    "description": "The name by which other modules import it.",
                    "type": ["string", "null"],
                },
                "hash": {
                    "description": "The SHA-256 of its bytes, in hexadecimal digits.",
                    "type": ["string", "null"],
                    "pattern": "^[0-9A-Fa-f]{64}$",
                },
            },
            "additionalProperties": false,
            "oneOf": [given("path"), given("data"), given("url")],
            "if": {"not": given("url")},
            "then": {"properties": {"method": {"type": "null"}, "headers": false, "header": false}},
            "not": {"required": ["headers", "header"]},
        })
    }
}

/// A field that is present and not null.
fn given(name: &str) -> Value {
    json!({"required": [name], "properties": {name: {"not": {"type": "null"}}}})
}

fn generate() -> Value {
    let settings = SchemaSettings::draft2020_12().for_deserialize();
    let mut schema = settings.into_generator().into_root_schema_for::<Manifest>();
    schema.insert("title".to_owned(), json!("Extism manifest"));
    let mut schema = schema.to_value();
    schema["properties"]["wasm"]["maxItems"] = json!(MODULE_LIMIT);
    let memory = &mut schema["$defs"]["Memory"];
    let max = json!({
        "description": "What older manifests call `max_pages`.",
        "deprecated": true,
        "allOf": [memory["properties"]["max_pages"].clone()],
    });
    memory["properties"]["max"] = max;
    memory["not"] = json!({"required": ["max", "max_pages"]});
    bound(&mut schema);
    schema
}

/// Formats are only annotations in JSON Schema; bounds restrict numbers.
fn bound(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            let most = match object.get("format").and_then(Value::as_str) {
                Some("uint32") => Some(json!(u32::MAX)),
                Some("uint64") => Some(json!(u64::MAX)),
                _ => None,
            };
            if let Some(most) = most {
                object.insert("minimum".to_owned(), json!(0));
                object.insert("maximum".to_owned(), most);
                object.remove("format");
            }
            object.values_mut().for_each(bound);
        }
        Value::Array(list) => list.iter_mut().for_each(bound),
        _ => {}
    }
}

pub(super) fn validator() -> jsonschema::Validator {
    jsonschema::draft202012::new(&generate()).expect("the schema is one")
}

#[test]
fn the_file_is_what_the_types_say() {
    let generated = generate();
    if std::env::var_os("BLESS").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifest.schema.json");
        let text = serde_json::to_string_pretty(&generated).expect("it can be written");
        std::fs::write(path, text + "\n").expect("the file can be written");
    } else {
        let shipped: Value = serde_json::from_str(JSON_SCHEMA).expect("the file is JSON");
        assert!(
            generated == shipped,
            "core/manifest.schema.json is not what the types say; BLESS=1 rewrites it"
        );
    }
}

/// The schema accepts and refuses the same manifests as the reader.
#[test]
fn the_schema_and_the_reader_agree() {
    let schema = validator();
    let accepted = super::examples::ACCEPTED.iter().map(|text| (*text, true));
    let refused = super::examples::REFUSED
        .iter()
        .map(|(text, _)| (*text, false));
    let mut seen = [0; 2];
    for (text, expected) in accepted.chain(refused) {
        // A JSON value keeps only one of two equal keys, so the schema cannot see both.
        let value = match serde_json::from_str::<Value>(text) {
            Ok(value) if !text.contains("twice") => value,
            _ => continue,
        };
        assert_eq!(Manifest::from_json(text).is_ok(), expected, "{text}");
        assert_eq!(schema.is_valid(&value), expected, "{text}");
        seen[usize::from(expected)] += 1;
    }
    assert!(seen[0] > 20 && seen[1] > 10, "{seen:?}");
}
