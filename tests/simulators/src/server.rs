//! The part every simulator shares: a loopback HTTP server whose connections can be cut on purpose.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    Router,
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// The connection a request came in on. Handlers get it as `ConnectInfo<Wire>`.
#[derive(Debug, Clone)]
pub struct Wire {
    cut: Arc<AtomicBool>,
}

impl Wire {
    /// From now on nothing is written to this connection; it ends with a TCP reset.
    ///
    /// The answer of the handler is thrown away, so this stands for "the line broke before the
    /// answer", whatever the handler did meanwhile.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }
}

impl Connected<IncomingStream<'_, CuttableListener>> for Wire {
    fn connect_info(stream: IncomingStream<'_, CuttableListener>) -> Self {
        Self { cut: Arc::clone(&stream.io().cut) }
    }
}

/// A TCP listener whose connections can be reset by the handler (see [`Wire::cut`]).
#[derive(Debug)]
pub struct CuttableListener {
    listener: TcpListener,
    /// Set when the server stops: open connections end too.
    stopped: Arc<AtomicBool>,
}

impl CuttableListener {
    /// Binds to `listen`; port 0 picks a free one.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(listen: SocketAddr) -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind(listen).await?, stopped: Arc::default() })
    }
}

impl Listener for CuttableListener {
    type Io = CuttableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            if let Ok((stream, peer)) = self.listener.accept().await {
                // Small answers must not wait for the peer's delayed acknowledgement.
                let _ = stream.set_nodelay(true);
                let cut = Arc::new(AtomicBool::new(false));
                let stopped = Arc::clone(&self.stopped);
                let stream = CuttableStream { stream, cut, stopped };
                return (stream, peer);
            }
            // Out of file descriptors or the like: let other connections end first.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A connection that answers with a TCP reset once it has been cut.
#[derive(Debug)]
pub struct CuttableStream {
    stream: TcpStream,
    cut: Arc<AtomicBool>,
    stopped: Arc<AtomicBool>,
}

impl CuttableStream {
    fn check(&self) -> io::Result<()> {
        if self.cut.load(Ordering::Relaxed) || self.stopped.load(Ordering::Relaxed) {
            // Zero linger turns the close that follows into a reset.
            let _ = self.stream.set_zero_linger();
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        Ok(())
    }
}

impl AsyncRead for CuttableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        std::task::ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        Poll::Ready(self.check())
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// A server running inside this process; it stops when dropped.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Running {
    /// Starts serving `router` on `listen` (port 0 picks a free one).
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(router: Router, listen: SocketAddr) -> io::Result<Self> {
        let listener = CuttableListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let stopped = Arc::clone(&listener.stopped);
        let service = router.into_make_service_with_connect_info::<Wire>();
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, service).await;
        });
        Ok(Self { address, stopped, task })
    }

    /// Where the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base address for clients, without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.task.abort();
    }
}

/// Tells whoever started the process that the server is ready, as one JSON line on standard
/// output with what else a client has to know, then waits for Ctrl-C or SIGTERM.
///
/// # Errors
/// When signals cannot be listened to.
#[expect(clippy::print_stdout, reason = "the ready line is the output of the program")]
pub async fn announce_and_wait(system: &str, running: &Running, more: &[(&str, String)]) -> io::Result<()> {
    let mut line = serde_json::json!({ "listening": running.url(), "system": system });
    for (name, value) in more {
        line[*name] = value.clone().into();
    }
    println!("{line}");
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}
