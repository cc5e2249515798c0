#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| npprof_fuzz::targets::hello(bytes));
