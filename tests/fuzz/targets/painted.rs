#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| npprof_fuzz::targets::painted(text));
