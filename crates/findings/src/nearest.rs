//! What somebody may have meant.

/// The word that is most like `word`, if one is like it.
#[must_use]
pub fn nearest<'a>(word: &str, words: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().take(64).collect();
    let is_part =
        |other: &str| word.len() >= 3 && other.contains(word.iter().collect::<String>().as_str());
    words
        .into_iter()
        .map(|other| (if is_part(other) { 1 } else { distance(&word, other) }, other))
        .min_by_key(|&(distance, _)| distance)
        .filter(|&(distance, other)| distance <= (other.len() / 3).max(1))
        .map(|(_, other)| other)
}

/// How many characters have to be changed, put in or left out.
fn distance(one: &[char], two: &str) -> usize {
    let mut row: Vec<usize> = (0..=one.len()).collect();
    for (index, c) in two.chars().enumerate() {
        let mut diagonal = index;
        row[0] = index + 1;
        for (place, &own) in one.iter().enumerate() {
            let replaced = diagonal + usize::from(own != c);
            diagonal = row[place + 1];
            row[place + 1] = replaced.min(diagonal + 1).min(row[place] + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_nonsense_is_not() {
        let words = ["redundant-copy", "layout-copy", "python-loop"];
        assert_eq!(nearest("redundent-copy", words), Some("redundant-copy"));
        assert_eq!(nearest("Layout_Copy", words), Some("layout-copy"));
        assert_eq!(nearest("loop", words), Some("python-loop"));
        assert_eq!(nearest("zebra", words), None);
        assert_eq!(nearest("", words), None);
    }
}
