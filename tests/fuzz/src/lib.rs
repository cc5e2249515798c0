//! What all fuzz targets share.

#[path = "../../hostile/targets.rs"]
pub mod targets;
