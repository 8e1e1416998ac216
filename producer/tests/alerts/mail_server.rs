//! The smallest mail server: takes a login in any form, keeps what it is told, and refuses receivers on demand.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

#[derive(Clone)]
pub(crate) struct MailServer {
    pub(crate) port: u16,
    /// Everything that clients said, one conversation each, line by line.
    pub(crate) said: Arc<Mutex<Vec<Vec<String>>>>,
    refuses: Arc<Mutex<bool>>,
}

impl MailServer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, said: Arc::default(), refuses: Arc::default() };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().converse(stream));
            }
        });
        server
    }

    pub(crate) fn refuse(&self, refuses: bool) {
        *self.refuses.lock().unwrap() = refuses;
    }

    async fn converse(self, stream: TcpStream) -> std::io::Result<()> {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        let mut said = Vec::new();
        let mut in_data = false;
        write.write_all(b"220 test\r\n").await?;
        while let Some(line) = lines.next_line().await? {
            said.push(line.clone());
            let answer = if in_data {
                if line != "." {
                    continue;
                }
                in_data = false;
                "250 queued as 4711"
            } else {
                match line.split([' ', ':']).next().unwrap_or_default() {
                    "EHLO" => "250-test\r\n250 AUTH PLAIN LOGIN",
                    "AUTH" => "235 welcome",
                    "RCPT" if *self.refuses.lock().unwrap() => "550 canary@example.com is unknown here",
                    "DATA" => {
                        in_data = true;
                        "354 go on"
                    }
                    "QUIT" => "221 bye",
                    _ => "250 ok",
                }
            };
            write.write_all(format!("{answer}\r\n").as_bytes()).await?;
            if line == "QUIT" {
                break;
            }
        }
        self.said.lock().unwrap().push(said);
        Ok(())
    }
}
