//! What of a typed text can be seen and sent.

/// The text without blanks around it; `None` for one in which nothing can be seen, such as a lone zero-width space.
pub(crate) fn filled(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| text.chars().any(is_visible))
}

/// The text on one line: line breaks, tabs and other control characters become one space where they stand. HubSpot keeps
/// or refuses them as it likes, and nobody meant to type them.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            if !line.ends_with(' ') {
                line.push(' ');
            }
        } else {
            line.push(c);
        }
    }
    line.trim().to_owned()
}

/// The text within so many characters, and whether it was cut. The cut shows as `…`. Not for keys: a cut key is another key.
pub(crate) fn cut(text: &str, characters: usize) -> (String, bool) {
    if text.chars().count() <= characters {
        return (text.to_owned(), false);
    }
    let mut kept: String = text.chars().take(characters.saturating_sub(1)).collect();
    kept.push('…');
    (kept, true)
}

/// Whether a character leaves a mark. Joiners and direction marks are good within a word, but are no word by themselves.
fn is_visible(c: char) -> bool {
    let leaves_no_mark = matches!(
        c,
        '\u{00AD}'
            | '\u{034F}'
            | '\u{061C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E0FFF}'
    );
    !leaves_no_mark && !c.is_whitespace() && !c.is_control()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_in_which_nothing_can_be_seen_is_empty() {
        for text in ["", "  ", "\u{200B}", " \u{FEFF}\u{2060} ", "\0\u{7}", "\u{3164}", "\u{00AD}\t"] {
            assert_eq!(filled(Some(text)), None, "{text:?}");
        }
        assert_eq!(filled(Some(" A\u{200D}B ")), Some("A\u{200D}B"));
    }

    #[test]
    fn a_cut_shows() {
        assert_eq!(cut("日本語", 3), ("日本語".to_owned(), false));
        assert_eq!(cut("日本語x", 3), ("日本…".to_owned(), true));
    }

    #[test]
    fn control_characters_become_one_space() {
        assert_eq!(one_line("12 Quay Rd\r\nGate\tB\0"), "12 Quay Rd Gate B");
        assert_eq!(one_line("+32\0 59 \u{1b}00"), "+32  59 00");
        assert_eq!(one_line("Kaai\u{2028}4"), "Kaai 4");
    }
}
