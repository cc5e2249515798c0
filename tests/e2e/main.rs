//! npprof on real Python and NumPy: every number is one that the program knows itself.

mod bad_input;
mod commands;
mod deaths;
mod exact;
mod layouts;
mod lossless;
mod processes;
mod real;
mod unchanged;
