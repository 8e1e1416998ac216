//! One account on its way: from the table in Epicor that holds it to the line in the shop that shows it.

#![expect(clippy::print_stdout, reason = "a demo prints")]

use crate::{
    contents::Contents,
    documents::Account,
    purchasing::Traced,
    settings::{COMPANY, GL_ATTRIBUTE},
};

/// What fits beside the branches on 80 columns.
const WIDTH: usize = 66;

/// Prints the way as a tree. Answers what is missing on it.
pub(crate) fn show(traced: &Traced<'_>, shop: &Contents) -> Vec<String> {
    let (order, line, release) = traced.release;
    let mut missing = Vec::new();
    println!("\n  The accounts of line {} of invoice {}:\n", traced.line, traced.invoice);
    println!("  Epicor, company {COMPANY}");
    println!("  ├─ PORelTGLC of order {order}, line {line}, release {release}");
    account(traced.ordered);
    println!("  ├─ APInvExpTGLC of vendor {}, invoice {}, line {}", traced.vendor, traced.invoice, traced.line);
    account(traced.invoiced);
    println!("  │");
    println!("  ├─ our mapping: the account as Epicor shows it, no segments chosen");
    println!("  │");

    println!("  Adobe Commerce");
    let found = shop.orders.iter().flat_map(|order| order.lines.iter().map(move |line| (order, line)));
    let found = found.into_iter().find(|(_, line)| line.reference == Some(traced.release));
    let Some((shop_order, shop_line)) = found else {
        return vec![format!("no line of the shop is for {order}/{line}/{release}")];
    };
    println!(
        "  ├─ order {}, line {}, ext_order_item_id {order}/{line}/{release}",
        shop_order.number, shop_line.item_id
    );
    println!("  │  additional_data");
    wrapped(&shop_line.additional_data).iter().for_each(|part| println!("  │    {part}"));
    let attribute = shop_line.attributes.get(GL_ATTRIBUTE).map_or("", String::as_str);
    println!("  │  custom attribute {GL_ATTRIBUTE} = {attribute}");
    if !shop_line.additional_data.contains(&traced.ordered.shown) || attribute != traced.ordered.shown {
        missing.push("the order's line does not carry the account of its release".to_owned());
    }
    let invoice = shop.invoices.iter().find(|invoice| {
        invoice.order_id == shop_order.entity_id
            && invoice.transaction == traced.invoice
            && invoice.items.contains(&shop_line.item_id)
    });
    let Some(invoice) = invoice else {
        missing.push("no invoice of the shop is for the line".to_owned());
        return missing;
    };
    println!("  └─ invoice {}, transaction_id {}, comment", invoice.number, invoice.transaction);
    let told: Vec<&str> =
        invoice.comments.iter().flat_map(|comment| comment.lines()).filter(|line| !line.trim().is_empty()).collect();
    // The marker, and what is said of this line's account.
    let shown = told.iter().enumerate().filter(|(place, line)| *place == 0 || line.contains(&traced.invoiced.shown));
    for (_, line) in shown.take(3) {
        wrapped(line).iter().for_each(|part| println!("       {part}"));
    }
    if !told.iter().any(|line| line.contains(&traced.invoiced.shown)) {
        missing.push("the invoice's comment does not tell the account".to_owned());
    }
    missing
}

fn account(account: &Account) {
    println!("  │    GLAccount {}, segments {}", account.internal, account.segments.join(" / "));
    println!("  │    shown as {} ({})", account.shown, account.description);
}

/// Cut into pieces that fit, behind a comma where there is one.
fn wrapped(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for part in text.split_inclusive(',') {
        let letters: Vec<char> = part.chars().collect();
        for piece in letters.chunks(WIDTH) {
            let fits = pieces.last().is_some_and(|last| last.chars().count() + piece.len() <= WIDTH);
            if !fits {
                pieces.push(String::new());
            }
            if let Some(last) = pieces.last_mut() {
                last.extend(piece);
            }
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_to_the_width_of_a_terminal() {
        let lengths = |text: &str| wrapped(text).iter().map(|piece| piece.chars().count()).collect::<Vec<_>>();
        assert_eq!(lengths(&"é".repeat(WIDTH * 2 + 1)), [WIDTH, WIDTH, 1]);
        assert_eq!(wrapped(&format!("{},{}", "a".repeat(40), "b".repeat(40))), ["a".repeat(40) + ",", "b".repeat(40)]);
        assert_eq!(wrapped("a,b"), ["a,b"]);
    }
}
