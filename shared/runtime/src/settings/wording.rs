//! The parser's complaints in the words of people who write settings.

use toml::Value;

/// What is wrong with a value, on one line. The parser repeats the value, which for an address may hold a password before
/// its `@`.
pub(super) fn problem_of(value: &Value, message: &str) -> String {
    if value.as_str().is_some_and(|text| text.contains('@')) {
        return "is not valid (value not shown, it may hold a password)".to_owned();
    }
    in_words(message)
}

/// A complaint of serde or toml in plain words.
pub(super) fn in_words(message: &str) -> String {
    let message = message.lines().map(str::trim).collect::<Vec<_>>().join(" ");
    let two = |start: &str| message.strip_prefix(start).and_then(|rest| rest.rsplit_once(", expected "));
    if let Some((found, wanted)) = two("invalid type: ") {
        return format!("is {}, expected {}", kind_of(found), wanted_in_words(wanted));
    }
    if let Some((found, wanted)) = two("invalid value: ") {
        return format!("is {}, expected {}", kind_of(found), wanted_in_words(wanted));
    }
    if let Some((found, known)) = two("unknown variant ") {
        return format!("{found} is not known here, expected {}", choices(known));
    }
    if let Some((found, known)) = two("unknown field ") {
        return format!("has the unknown key {found}, expected {}", choices(known));
    }
    if let Some(key) = message.strip_prefix("missing field ") {
        return format!("lacks the key {key}");
    }
    match message.strip_prefix("wanted ") {
        Some(wanted) => format!("is something else, expected {}", wanted_in_words(wanted)),
        None => message,
    }
}

/// A value's kind, such as ``integer `90` `` or `array`, as "the number 90" or "a list"; of a text its kind only.
pub(super) fn kind_of(found: &str) -> String {
    let value = || found.split('`').nth(1).unwrap_or_default();
    match found.split([' ', '`']).next().unwrap_or_default() {
        "sequence" | "array" => "a list".to_owned(),
        "map" | "table" => "a table".to_owned(),
        "string" => "a text".to_owned(),
        "integer" | "float" | "boolean" if !found.contains('`') => "a single value".to_owned(),
        "boolean" => value().to_owned(),
        "integer" | "floating" => format!("the number {}", value()),
        "datetime" => "a date".to_owned(),
        _ => found.to_owned(),
    }
}

fn wanted_in_words(wanted: &str) -> String {
    let words = match wanted {
        _ if wanted.contains("Decimal") => "a number such as 0.05, bare or in quotes",
        "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" | "path string" | "a string representing an URL" => "a text in quotes",
        "a sequence" => "a list in [ ]",
        "a map" => "a table in { }",
        "string or table" => "a text in quotes or a table in { }",
        _ if wanted.starts_with("struct ") => "a table in { }",
        _ if wanted.starts_with("enum ") || wanted.ends_with("identifier") => "a text in quotes",
        _ => wanted,
    };
    words.to_owned()
}

fn choices(known: &str) -> String {
    known.strip_prefix("one of ").unwrap_or(known).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parsers_types_become_words_for_people() {
        for (message, words) in [
            ("invalid type: sequence, expected u32", "is a list, expected a whole number"),
            ("invalid type: integer `90`, expected a string", "is the number 90, expected a text in quotes"),
            ("invalid type: string \"many\", expected u32", "is a text, expected a whole number"),
            ("invalid type: string \"a, expected b\", expected a boolean", "is a text, expected true or false"),
            ("invalid type: boolean `true`, expected f64", "is true, expected a number"),
            ("invalid type: map, expected a sequence", "is a table, expected a list in [ ]"),
            ("invalid type: floating point `1.5`, expected u64", "is the number 1.5, expected a whole number"),
            ("invalid value: integer `-5`, expected u32", "is the number -5, expected a whole number"),
            (
                "unknown variant `best`, expected one of `auto`, `date`",
                "`best` is not known here, expected `auto`, `date`",
            ),
            ("unknown variant `x`, expected `json` or `human`", "`x` is not known here, expected `json` or `human`"),
            ("missing field `token_url`", "lacks the key `token_url`"),
            ("wanted string or table", "is something else, expected a text in quotes or a table in { }"),
            ("`25` is not a duration", "`25` is not a duration"),
        ] {
            assert_eq!(in_words(message), words);
        }
    }
}
