//! `mlc openapi`: the description of the console's API, for `deploy/openapi.json`.

use crate::{Exit, Failure, console, output::Output};

pub(crate) fn run(output: Output) -> Result<Exit, Failure> {
    let document = console::openapi_document();
    // The file is compared with this, byte by byte.
    let text = serde_json::to_string_pretty(&document).map_err(|error| Failure::Defect(error.to_string()))?;
    output.answer(text, &document)?;
    Ok(Exit::Done)
}
