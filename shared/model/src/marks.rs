//! Characters that cannot be seen and change what can.

/// Whether a character has no shape of its own but turns the direction of reading round, joins, parts or breaks what stands around
/// it: such as U+202E, which shows a text backwards, or U+200B, which makes two names look alike.
pub fn is_hidden_mark(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_a_text_round_is_a_mark_and_letters_of_any_script_are_none() {
        assert!("\u{202e}\u{2066}\u{200b}\u{2028}\u{feff}\u{ad}".chars().all(is_hidden_mark));
        assert!(!"aä字ש ع\u{301}-–\n".chars().any(is_hidden_mark));
    }
}
