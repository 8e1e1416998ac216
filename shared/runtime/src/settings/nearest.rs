//! The word somebody meant to type.

/// The one of `known` that is closest to `typed`, unless all are too far off to be meant.
pub(super) fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (typed.chars().count() / 3).max(2);
    known
        .into_iter()
        .map(|word| (distance(typed, word), word))
        .filter(|(far, _)| *far <= allowed)
        .min()
        .map(|(_, word)| word)
}

/// Number of letters to insert, delete or replace (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_the_word_and_a_stranger_finds_none() {
        let known = ["concurrency", "company", "timeout"];
        assert_eq!(nearest("concurency", known), Some("concurrency"));
        assert_eq!(nearest("compny", known), Some("company"));
        assert_eq!(nearest("webhooks", known), None);
    }
}
