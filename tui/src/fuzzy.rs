//! The filter of lists: words in any order, each as it stands or with letters left out.

/// Letters of a word may be spread over at most so many times its length.
const MAX_SPREAD: usize = 3;

/// What the user typed, taken apart.
#[derive(Debug)]
pub(crate) struct Filter {
    words: Vec<Vec<char>>,
}

impl Filter {
    pub(crate) fn new(text: &str) -> Self {
        let words = text.split_whitespace().map(|word| folded(word).collect()).collect();
        Self { words }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether all words are in the text, not minding case.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = folded(text).collect();
        self.words.iter().all(|word| has(&text, word))
    }
}

fn folded(text: &str) -> impl Iterator<Item = char> {
    text.chars().flat_map(char::to_lowercase)
}

/// Whether the letters stand in the text in their order and close enough together.
fn has(text: &[char], word: &[char]) -> bool {
    if word.is_empty() || text.windows(word.len()).any(|part| part == word) {
        return true;
    }
    // Two letters with gaps would match nearly everything.
    if word.len() < 3 {
        return false;
    }
    (0..text.len()).filter(|&start| text[start] == word[0]).any(|start| {
        let end = text.len().min(start + word.len() * MAX_SPREAD);
        let mut wanted = word.iter();
        let mut next = wanted.next();
        for letter in &text[start..end] {
            if next == Some(letter) {
                next = wanted.next();
            }
        }
        next.is_none()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(filter: &str, text: &str, expected: bool) {
        assert_eq!(Filter::new(filter).matches(text), expected, "{filter} in {text}");
    }

    #[test]
    fn words_match_in_any_order_and_with_letters_left_out() {
        check("", "anything", true);
        check("load", "pipeline/Load.py:40 read", true);
        check("read load", "pipeline/load.py:40 read", true);
        check("rdblk", "load.py:40 read_block", true);
        check("xyz", "load.py", false);
        check("ly", "load.py", false);
        check("load smooth", "load.py", false);
        check("lxo", "long/xylophone", true);
        check("abc", "a far away b far away c", false);
    }
}
