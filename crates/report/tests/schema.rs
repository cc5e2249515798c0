//! The committed JSON Schema is the one that the types make.
//!
//! `UPDATE_SCHEMA=1 cargo test -p npprof-report --features schema` writes it anew.

#![cfg(feature = "schema")]

use npprof_report::json::{JSON_SCHEMA, generate_schema};

#[test]
fn the_committed_schema_is_up_to_date() {
    let schema = generate_schema();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schema/report.schema.json");
        std::fs::write(path, &schema).expect("the schema can be written");
    } else {
        assert_eq!(JSON_SCHEMA, schema, "run with UPDATE_SCHEMA=1");
    }
}
