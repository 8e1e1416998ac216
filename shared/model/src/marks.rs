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

/// Whether a text shows nothing: it is empty, or made of white space, control characters, hidden marks and the blanks that stand for
/// no letter.
///
/// Source: `Default_Ignorable_Code_Point` in <https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt>, and the empty
/// pattern of Braille.
pub fn is_blank(text: &str) -> bool {
    let is_filler = |c| {
        matches!(
            c,
            '\u{34f}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{2800}' | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0080}'..='\u{e0fff}'
        )
    };
    text.chars().all(|c| c.is_whitespace() || c.is_control() || is_hidden_mark(c) || is_filler(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_a_text_round_is_a_mark_and_letters_of_any_script_are_none() {
        assert!("\u{202e}\u{2066}\u{200b}\u{2028}\u{feff}\u{ad}".chars().all(is_hidden_mark));
        assert!(!"aä字ש ع\u{301}-–\n".chars().any(is_hidden_mark));
    }

    #[test]
    fn a_text_is_blank_when_nothing_of_it_can_be_seen() {
        for blank in
            ["", " \t\n", "\u{200b}", "\u{2060}\u{feff} \u{ad}", "\u{a0}\u{3000}\u{2800}\u{3164}", "\u{fe0f}\u{e0100}"]
        {
            assert!(is_blank(blank), "{blank:?}");
        }
        for seen in ["a", "\u{200b}.\u{200b}", "é", "字", "ש", "☎\u{fe0f}", "-"] {
            assert!(!is_blank(seen), "{seen:?}");
        }
    }
}
