//! Being told to end, and ending without cutting streams.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use super::listen::Door;
use super::sidecar::Sidecar;

/// Serves until `stops` says so. Then no connection is taken any more, and requests that are being answered get
/// `drain_timeout` to end; a second stop ends them at once.
pub(super) async fn serve_until(
    listener: TcpListener,
    door: Door,
    app: Router,
    sidecar: Arc<Sidecar>,
    drain_timeout: Duration,
    mut stops: mpsc::Receiver<()>,
) {
    let (stop, stopped) = oneshot::channel::<()>();
    let server = door.serve(listener, app, stopped);
    tokio::pin!(server);
    tokio::select! {
        () = &mut server => return,
        _ = stops.recv() => {}
    }
    sidecar.drain();
    tracing::info!(drain_timeout_ms = drain_timeout.as_millis(), "told to end: streams are finished first");
    // The server listens for this as long as it runs.
    let _: Result<(), ()> = stop.send(());
    tokio::select! {
        () = &mut server => {}
        () = sleep(drain_timeout) => tracing::warn!("streams that are still open are cut: the time to drain is over"),
        Some(()) = stops.recv() => tracing::warn!("streams that are still open are cut: told to end again"),
    }
}

/// A message for every SIGINT (Ctrl-C) and SIGTERM that the process gets.
pub(super) fn signals() -> io::Result<mpsc::Receiver<()>> {
    let (sender, receiver) = mpsc::channel(2);
    let mut next = next_signal()?;
    tokio::spawn(async move { while next.recv().await.is_some() && sender.send(()).await.is_ok() {} });
    Ok(receiver)
}

#[cfg(unix)]
fn next_signal() -> io::Result<Signals> {
    use tokio::signal::unix::{SignalKind, signal};
    Ok(Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    async fn recv(&mut self) -> Option<()> {
        tokio::select! {
            signal = self.interrupt.recv() => signal,
            signal = self.terminate.recv() => signal,
        }
    }
}

#[cfg(windows)]
fn next_signal() -> io::Result<tokio::signal::windows::CtrlC> {
    tokio::signal::windows::ctrl_c()
}
