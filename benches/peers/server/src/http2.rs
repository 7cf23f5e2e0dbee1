//! HTTP/2, with TLS or with prior knowledge: tokio on this thread alone.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{Request, Response};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::{LocalSet, spawn_local};
use tokio_rustls::TlsAcceptor;

use crate::answer;
use crate::counts::COUNTS;

/// What large providers' front ends allow on one connection.
const STREAMS: u32 = 100;
const WINDOW: u32 = 1 << 20;

/// Serves until the process is ended.
pub(crate) fn serve(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    latency: Duration,
) -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async move {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let tls = tls.clone();
            spawn_local(async move {
                COUNTS.connections.fetch_add(1, Relaxed);
                COUNTS.open_connections.rises();
                // What goes wrong ends this connection alone; the client says what it saw.
                let _ = match tls {
                    Some(tls) => match TlsAcceptor::from(tls).accept(stream).await {
                        Ok(stream) => connection(stream, latency).await,
                        Err(_) => Ok(()),
                    },
                    None => connection(stream, latency).await,
                };
                COUNTS.open_connections.falls();
            });
        }
    })
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin, latency: Duration) -> Result<(), h2::Error> {
    let mut connection = h2::server::Builder::new()
        .max_concurrent_streams(STREAMS)
        .initial_connection_window_size(WINDOW)
        .handshake::<_, Bytes>(stream)
        .await?;
    while let Some(asked) = connection.accept().await {
        let (request, response) = asked?;
        spawn_local(async move {
            let _ = respond(request, response, latency).await;
        });
    }
    Ok(())
}

async fn respond(
    request: Request<RecvStream>,
    mut response: SendResponse<Bytes>,
    latency: Duration,
) -> Result<(), h2::Error> {
    let (head, mut stream) = request.into_parts();
    let mut body = Vec::new();
    while let Some(part) = stream.data().await {
        let part = part?;
        stream.flow_control().release_capacity(part.len())?;
        body.extend_from_slice(&part);
    }
    let mut out = Vec::new();
    let answer = answer::answer(head.method.as_str(), head.uri.path(), &body, &mut out);
    if answer.takes_time && !latency.is_zero() {
        COUNTS.in_flight.rises();
        tokio::time::sleep(latency).await;
        COUNTS.in_flight.falls();
    }
    let head = Response::builder().status(answer.status).header("content-type", "application/json").body(());
    let head = head.expect("a status and a header that are known to be right");
    response.send_response(head, false)?.send_data(out.into(), true)
}
