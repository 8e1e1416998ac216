//! Sizes of the shop's columns. What is longer is cut there without a word, and 4-byte characters become `????`.
//!
//! Source: measured on 2.4.7-p3 and 2.4.8-p2; database schema of the platform.

/// Order number, in characters.
pub const INCREMENT_ID: usize = 50;
/// Second order number, in characters.
pub const EXT_ORDER_ID: usize = 32;
/// Number of the customer in another system, in characters.
pub const EXT_CUSTOMER_ID: usize = 32;
/// State and status of an order, in characters.
pub const STATUS: usize = 32;
/// Number of a line in another system, in characters.
pub const EXT_ORDER_ITEM_ID: usize = 255;
/// Text column of a line for other systems, in bytes.
pub const ADDITIONAL_DATA_BYTES: usize = 65_535;
/// Purchase order number of a payment, in characters.
pub const PO_NUMBER: usize = 32;
/// Number of an invoice in another system, in characters.
pub const TRANSACTION_ID: usize = 255;
/// Key of an inventory source, in characters.
pub const SOURCE_CODE: usize = 255;
/// Most other texts: names, cities, item names.
pub const TEXT: usize = 255;

/// A text as the shop will keep it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fitted {
    /// The text.
    pub text: String,
    /// Whether it was cut. The cut shows as `…` at the end.
    pub cut: bool,
    /// Whether characters were replaced by `?` that the shop cannot keep.
    pub replaced: bool,
}

/// Makes a text fit a column of so many characters, so that what happens to it is known and can be told. Not for keys:
/// a cut key is another key.
pub fn fit(text: &str, characters: usize) -> Fitted {
    let replaced = text.chars().any(|c| c.len_utf8() > 3);
    let mut kept: String = text.chars().map(|c| if c.len_utf8() > 3 { '?' } else { c }).collect();
    let cut = kept.chars().count() > characters;
    if cut {
        kept = kept.chars().take(characters.saturating_sub(1)).collect();
        kept.push('…');
    }
    Fitted { text: kept, cut, replaced }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_visibly_to_the_column() {
        let fitted = fit(&"é".repeat(40), 32);
        assert_eq!(fitted.text.chars().count(), 32);
        assert!(fitted.cut && fitted.text.ends_with('…') && !fitted.replaced);
        assert_eq!(fit("日本", 2), Fitted { text: "日本".to_owned(), cut: false, replaced: false });
    }

    #[test]
    fn characters_that_the_shop_cannot_keep_are_replaced_by_one_mark_each() {
        assert_eq!(fit("ok 🚀", 32), Fitted { text: "ok ?".to_owned(), cut: false, replaced: true });
    }
}
