//! The vocabulary of npprof: what a profiled run looks like at a moment.
//!
//! Pure data and arithmetic: no input or output, no clock, no file format. The collector makes
//! [`snapshot::Snapshot`]s; dashboards, summaries and reports show them and know nothing else.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod columns;
pub mod exit;
pub mod ids;
pub mod layout;
pub mod operation;
pub mod pattern;
pub mod process;
pub mod site;
pub mod snapshot;
pub mod units;
pub mod walk;

pub use exit::Exit;
pub use ids::{ProcessIndex, SiteId, StackId};
pub use layout::{ArrayLayout, Order};
pub use operation::{CopyReason, Operand, OperandCount, OperandRole, OperationStats};
pub use pattern::{Detail, Pattern, Saves, SiteRole};
pub use process::{Hook, HookState, Process, Thread, Totals};
pub use site::{Bucket, CallStack, Frame, LayoutCount, Quantiles, Site, SiteDetail, StackCount};
pub use snapshot::{RunState, Snapshot, SourceText, TimelinePoint};
pub use units::{Bytes, Nanos};
