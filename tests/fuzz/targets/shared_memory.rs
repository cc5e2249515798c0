#![no_main]

// Positions of the rings, a number of words of the header with their places, and the words of each ring.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let words = npprof_fuzz::targets::words(bytes);
    let Some((heads, rest)) = words.split_first_chunk::<5>() else { return };
    let Some((&n_header, rest)) = rest.split_first() else { return };
    let (header, rest) = rest.split_at(rest.len().min(2 * (n_header as usize % 16)));
    let header: Vec<(u16, u64)> =
        header.as_chunks::<2>().0.iter().map(|&[place, word]| (place as u16, word)).collect();
    #[cfg(fuzzing)]
    npprof_collect::fuzz::shared_memory(&header, *heads, rest);
    #[cfg(not(fuzzing))]
    drop((header, heads, rest));
});
