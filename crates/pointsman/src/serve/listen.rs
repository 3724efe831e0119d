//! Connections of clients: taken, encrypted if that is wanted, and given up when they stand still.

mod paced;
mod tls;

use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use self::paced::Paced;
use crate::config::ServerConfig;

/// How long nothing is taken after the system had no room for a connection.
const NO_ROOM_PAUSE: Duration = Duration::from_millis(50);

/// How connections are taken.
#[derive(Clone)]
pub(super) struct Door {
    tls: Option<TlsAcceptor>,
    connections: Arc<Semaphore>,
    header_timeout: Duration,
    write_timeout: Duration,
    header_limit_bytes: usize,
}

impl Door {
    /// A door as `server` has it.
    ///
    /// # Errors
    /// When there are to be certificates and they cannot be used.
    pub(super) fn new(server: &ServerConfig) -> Result<Self> {
        Ok(Self {
            tls: server.tls.as_ref().map(tls::acceptor).transpose()?,
            connections: Arc::new(Semaphore::new(server.connections_limit)),
            header_timeout: server.header_timeout,
            write_timeout: server.write_timeout,
            header_limit_bytes: server.header_limit_bytes,
        })
    }

    /// Serves `app` until `stopped`; then requests that are being answered are finished.
    pub(super) async fn serve(self, listener: TcpListener, app: Router, stopped: oneshot::Receiver<()>) {
        let graceful = GracefulShutdown::new();
        let mut stopped = pin!(stopped);
        loop {
            // What waits for room waits in the system's queue.
            let room = Arc::clone(&self.connections).acquire_owned();
            let taken = async { (room.await, listener.accept().await) };
            let (room, accepted) = tokio::select! {
                taken = taken => taken,
                // An error means that whoever could say so is gone: the same to us.
                _ = &mut stopped => break,
            };
            match (room, accepted) {
                (Ok(room), Ok((connection, _))) => {
                    let (door, app, watcher) = (self.clone(), app.clone(), graceful.watcher());
                    tokio::spawn(async move { door.admit(connection, app, watcher, room).await });
                }
                (_, Err(error)) if is_of_one_connection(&error) => {}
                (_, Err(error)) => {
                    tracing::error!(%error, "connections cannot be taken");
                    sleep(NO_ROOM_PAUSE).await;
                }
                (Err(_), _) => break,
            }
        }
        drop(listener);
        graceful.shutdown().await;
    }

    async fn admit(
        self,
        connection: TcpStream,
        app: Router,
        watcher: hyper_util::server::graceful::Watcher,
        room: OwnedSemaphorePermit,
    ) {
        // Small chunks of a stream are sent at once. A connection that refuses is slower, not broken.
        let _: io::Result<()> = connection.set_nodelay(true);
        match &self.tls {
            None => self.converse(connection, app, watcher).await,
            Some(tls) => match timeout(self.header_timeout, tls.accept(connection)).await {
                Ok(Ok(connection)) => self.converse(connection, app, watcher).await,
                Ok(Err(error)) => tracing::debug!(%error, "a client did not agree on encryption"),
                Err(_) => tracing::debug!("a client did not agree on encryption in time"),
            },
        }
        drop(room);
    }

    async fn converse<C: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
        &self,
        connection: C,
        app: Router,
        watcher: hyper_util::server::graceful::Watcher,
    ) {
        let service = service_fn(move |request: Request<Incoming>| {
            let app = app.clone();
            async move {
                let answer: Result<Response<Body>, Infallible> = app.oneshot(request.map(Body::new)).await;
                answer
            }
        });
        let connection = TokioIo::new(Paced::new(connection, self.write_timeout));
        let conversation = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .max_buf_size(self.header_limit_bytes)
            .serve_connection(connection, service);
        if let Err(error) = watcher.watch(conversation).await {
            tracing::debug!(%error, "a connection of a client ended early");
        }
    }
}

/// Whether an error concerns the connection that was to be taken, and no other.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Lets the process have as many files open as the system allows it: every stream takes two connections.
pub(super) fn allow_many_connections() {
    #[cfg(unix)]
    {
        // Fewer are no reason not to start.
        let _: std::io::Result<u64> = rlimit::increase_nofile_limit(rlimit::INFINITY);
    }
}
