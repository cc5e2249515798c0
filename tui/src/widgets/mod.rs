//! Things that screens are made of. Each draws its arguments into a buffer and keeps nothing.

pub(crate) mod byte_bar;
pub(crate) mod list_view;
pub(crate) mod memory_chart;
pub(crate) mod popup;
pub(crate) mod python;
pub(crate) mod rule;
pub(crate) mod stride_map;
pub(crate) mod terminal_view;
