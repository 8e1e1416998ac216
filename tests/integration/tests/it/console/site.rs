//! A house whose producer shows its console.

use std::time::Duration;

use mlc_house::{House, HouseConfig};

use crate::processes::Process;

/// A house and the console of its producer.
pub(crate) struct Site {
    pub(crate) house: House,
    pub(crate) base: String,
    pub(crate) producer: Process,
}

impl Site {
    /// Starts `mlc produce` with its console. `variables` override settings.
    pub(crate) async fn of(house: House, variables: &[(&str, &str)]) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listen = format!("127.0.0.1:{port}");
        let mut all = vec![("MLC__CONSOLE__LISTEN", listen.as_str()), ("MLC__LOG__LEVEL", "info")];
        all.extend_from_slice(variables);
        let producer = Process::mlc_with(&house, &["produce"], &all);
        let begun = std::time::Instant::now();
        while std::net::TcpStream::connect(&listen).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(20), "the console does not listen:\n{}", producer.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Self { house, base: format!("http://{listen}"), producer }
    }

    /// A house without a shop.
    pub(crate) async fn plain() -> Self {
        Self::of(House::open_with(HouseConfig::default()).await.unwrap(), &[]).await
    }
}
