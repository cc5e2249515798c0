#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let words = npprof_fuzz::targets::words(bytes);
    #[cfg(fuzzing)]
    npprof_collect::fuzz::stream(&words);
    #[cfg(not(fuzzing))]
    drop(words);
});
