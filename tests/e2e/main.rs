//! npprof on real Python and NumPy: every number is one that the program knows itself.

mod bad_input;
mod cells;
mod commands;
mod copies;
mod deaths;
mod endings;
mod exact;
mod family;
mod findings;
mod follow;
mod interplay;
mod killed;
mod layouts;
mod lossless;
mod measuring;
mod memcheck;
mod native;
mod operations;
mod processes;
mod real;
mod savings;
mod secrets;
mod suites;
mod troubles;
mod unchanged;
mod view;
