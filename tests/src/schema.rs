//! Holds a report against the schema that the project publishes.
//!
//! Knows what the generated schema uses of JSON Schema, and panics at anything else in it, so that
//! nothing of a schema is passed over.

use std::{fs, sync::OnceLock};

use serde_json::{Map, Value};

use crate::built::repository;

/// Words of a schema that say nothing of what is valid.
const SILENT: &[&str] = &["$defs", "$schema", "default", "description", "format", "title"];

/// What is wrong with a report, by place; nothing if it is what the schema describes.
pub fn violations(report: &Value) -> Vec<String> {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    let schema = SCHEMA.get_or_init(|| {
        let path = repository().join("crates/report/schema/report.schema.json");
        let text = fs::read(path).expect("the schema can be read");
        serde_json::from_slice(&text).expect("the schema is JSON")
    });
    let mut found = Vec::new();
    Check { root: schema, found: &mut found }.value(schema, report, "");
    found
}

struct Check<'a> {
    root: &'a Value,
    found: &'a mut Vec<String>,
}

impl Check<'_> {
    fn value(&mut self, schema: &Value, value: &Value, place: &str) {
        let Some(schema) = schema.as_object() else {
            assert_eq!(schema, &Value::Bool(true), "a schema that is no object allows anything");
            return;
        };
        for (word, wanted) in schema {
            match word.as_str() {
                "$ref" => {
                    let pointer = wanted.as_str().and_then(|to| to.strip_prefix('#'));
                    let named = pointer.and_then(|to| self.root.pointer(to));
                    self.value(named.expect("a definition of this name"), value, place);
                }
                "type" => self.is(is_of_type(wanted, value), place, || {
                    format!("{value} is not of type {wanted}")
                }),
                "const" => self.is(value == wanted, place, || format!("{value} is not {wanted}")),
                "enum" => {
                    let is_listed = wanted.as_array().is_some_and(|list| list.contains(value));
                    self.is(is_listed, place, || format!("{value} is not of {wanted}"));
                }
                "minimum" => {
                    let is_below = value.as_f64() < wanted.as_f64();
                    self.is(!value.is_number() || !is_below, place, || {
                        format!("{value} is below {wanted}")
                    });
                }
                "maximum" => {
                    let is_above = value.as_f64() > wanted.as_f64();
                    self.is(!value.is_number() || !is_above, place, || {
                        format!("{value} is above {wanted}")
                    });
                }
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.value(wanted, item, &format!("{place}/{index}"));
                    }
                }
                "required" => {
                    let names = wanted.as_array().into_iter().flatten().filter_map(Value::as_str);
                    for name in names {
                        let is_there = value.as_object().is_none_or(|all| all.contains_key(name));
                        self.is(is_there, place, || format!("`{name}` is missing"));
                    }
                }
                "properties" | "additionalProperties" => {}
                "anyOf" => self.alternatives(wanted, value, place, |n| n > 0),
                "oneOf" => self.alternatives(wanted, value, place, |n| n == 1),
                word => assert!(SILENT.contains(&word), "`{word}` in a schema is not known here"),
            }
        }
        self.members(schema, value, place);
    }

    fn members(&mut self, schema: &Map<String, Value>, value: &Value, place: &str) {
        for (name, member) in value.as_object().into_iter().flatten() {
            let place = format!("{place}/{name}");
            match schema.get("properties").and_then(|all| all.get(name)) {
                Some(known) => self.value(known, member, &place),
                None => match schema.get("additionalProperties") {
                    Some(Value::Bool(false)) => self.is(false, &place, || "is unknown".to_owned()),
                    Some(others) => self.value(others, member, &place),
                    None => {}
                },
            }
        }
    }

    fn alternatives(
        &mut self,
        schemas: &Value,
        value: &Value,
        place: &str,
        enough: impl Fn(usize) -> bool,
    ) {
        let fits = |schema: &&Value| {
            let mut found = Vec::new();
            Check { root: self.root, found: &mut found }.value(schema, value, place);
            found.is_empty()
        };
        let n_fitting = schemas.as_array().into_iter().flatten().filter(fits).count();
        self.is(enough(n_fitting), place, || {
            format!("{value} is what {n_fitting} of the alternatives say")
        });
    }

    fn is(&mut self, holds: bool, place: &str, say: impl FnOnce() -> String) {
        if !holds {
            let said: String = say().chars().take(200).collect();
            self.found.push(format!("{place}: {said}"));
        }
    }
}

fn is_of_type(wanted: &Value, value: &Value) -> bool {
    if let Some(names) = wanted.as_array() {
        return names.iter().any(|name| is_of_type(name, value));
    }
    match wanted.as_str().expect("a type has a name") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        name => panic!("`{name}` is a type of JSON"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(schema: Value, value: Value, expected: &[&str]) {
        let mut found = Vec::new();
        Check { root: &schema, found: &mut found }.value(&schema, &value, "");
        assert_eq!(found, expected, "{value} by {schema}");
    }

    #[test]
    fn what_is_wrong_is_found_where_it_is() {
        let schema = json!({
            "type": "object",
            "properties": {"n": {"type": "integer", "minimum": 0}, "list": {"items": {"$ref": "#/$defs/A"}}},
            "required": ["n"],
            "$defs": {"A": {"anyOf": [{"type": "null"}, {"const": 3}]}}
        });
        check(schema.clone(), json!({"n": 1, "list": [null, 3], "more": {}}), &[]);
        check(schema.clone(), json!({}), &[": `n` is missing"]);
        check(schema.clone(), json!({"n": -1}), &["/n: -1 is below 0"]);
        let wrong = "/list/1: 4 is what 0 of the alternatives say";
        check(schema, json!({"n": 1, "list": [3, 4]}), &[wrong]);
        let both = json!({"oneOf": [{"type": "integer"}, {"minimum": 1}]});
        check(both.clone(), json!(0), &[]);
        check(both, json!(2), &[": 2 is what 2 of the alternatives say"]);
    }
}
