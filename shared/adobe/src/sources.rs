//! Inventory sources.

use mlc_model::Fault;
use mlc_outbound::Method;
use serde::Serialize;

use crate::{
    AdobeClient, Page, Search, Source,
    client::{defect, found},
};

#[derive(Serialize)]
struct Wrapped<'a> {
    source: &'a Source,
}

impl AdobeClient {
    /// The source with this code.
    ///
    /// # Errors
    /// Any fault of a call but "not found".
    pub async fn source(&self, source_code: &str) -> Result<Option<Source>, Fault> {
        const OPERATION: &str = "sources.read";
        if !Source::is_code(source_code) {
            return Err(defect(OPERATION, "a source code holds letters, digits, `-` and `_` only"));
        }
        found(self.get(&format!("/inventory/sources/{source_code}"), OPERATION).await)
    }

    /// One page of sources.
    ///
    /// # Errors
    /// Any fault of a call.
    pub async fn search_sources(&self, search: &Search) -> Result<Page<Source>, Fault> {
        self.page("/inventory/sources", "sources.search", search).await
    }

    /// Makes a source. An existing one of the same code is overwritten by the shop without a word. Safe to repeat.
    ///
    /// # Errors
    /// `Rejected` with [`crate::fault::code::MISSING_FIELD`] when the shop misses one, named in `field`.
    pub async fn create_source(&self, source: &Source) -> Result<(), Fault> {
        const OPERATION: &str = "sources.create";
        code_of(source, OPERATION)?;
        self.write(Method::POST, "/inventory/sources", OPERATION, &Wrapped { source }).await?;
        Ok(())
    }

    /// Puts back a source that was read and changed. Name, country and postcode are demanded again. Safe to repeat.
    ///
    /// # Errors
    /// As [`AdobeClient::create_source`].
    pub async fn update_source(&self, source: &Source) -> Result<(), Fault> {
        const OPERATION: &str = "sources.update";
        let path = format!("/inventory/sources/{}", code_of(source, OPERATION)?);
        self.write(Method::PUT, &path, OPERATION, &Wrapped { source }).await?;
        Ok(())
    }
}

fn code_of<'a>(source: &'a Source, operation: &str) -> Result<&'a str, Fault> {
    source
        .source_code
        .as_deref()
        .filter(|code| Source::is_code(code))
        .ok_or_else(|| defect(operation, "a source code holds letters, digits, `-` and `_` only"))
}
