//! The JSON report: its types, how it is made from a snapshot, written and read.
//!
//! The file is compact, with one process, stack or site a line, so that it stays small and can
//! still be looked at with a pager or compared with `diff`.

mod convert;
mod finding;
mod format;
mod load;
mod operation;
mod restore;
mod types;

#[cfg(test)]
mod tests;

use serde::Serialize;

pub use convert::Limits;
pub(crate) use convert::SHORTENED;
pub use finding::{Finding, Related, Saves};
pub use load::{LoadError, load, load_from, read_json};
pub use operation::{Operand, Operation, OperationsCut};
pub use types::{
    Exit, ExitState, Frame, Layout, Npprof, Process, Quantiles, Report, Site, SiteStack, SitesCut,
    Stack, StacksCut, Thread, ThreadsCut, TimelinePoint, Totals,
};

/// Name and version of the format.
pub const SCHEMA: &str = "npprof-report/1";

/// The format as a JSON Schema.
pub const JSON_SCHEMA: &str = include_str!("../../schema/report.schema.json");

impl Report {
    /// Writes the report as JSON, ending with a newline.
    ///
    /// # Errors
    ///
    /// When `to` cannot be written.
    pub fn write_json(&self, mut to: impl std::io::Write) -> std::io::Result<()> {
        let mut serializer =
            serde_json::Serializer::with_formatter(&mut to, format::OneItemALine::default());
        self.serialize(&mut serializer)?;
        to.write_all(b"\n")
    }

    /// The report as JSON, ending with a newline.
    #[must_use]
    pub fn to_json_string(&self) -> String {
        let mut json = Vec::new();
        // Writing to memory cannot fail, and neither can the report's types: no map of theirs has
        // keys other than strings. What serde_json writes is UTF-8.
        let _ = self.write_json(&mut json);
        String::from_utf8(json).unwrap_or_default()
    }
}

/// Makes the JSON Schema from the types: what [`JSON_SCHEMA`] must hold.
#[cfg(any(test, feature = "schema"))]
#[must_use]
pub fn generate_schema() -> String {
    let schema = schemars::generate::SchemaSettings::draft2020_12()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<Report>();
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
