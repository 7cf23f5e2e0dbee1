//! A chat completion server that is never what a bench of clients measures: one thread, answers of about 600 bytes, each
//! after a fixed time.
//!
//! `bench-server [--latency-ms N] [--tls CERT.pem KEY.pem] [--h2]` prints `listening PORT` and serves 127.0.0.1 until its
//! standard input ends; then it prints what it counted, as JSON. `--h2` speaks HTTP/2 alone, and HTTP/1.1 is spoken
//! otherwise: what a client chose is never in doubt.
//!
//! `POST …/chat/completions` echoes a CRC-32 of the last message, `GET …/models` lists one model, `GET /stats` counts.

mod answer;
mod connection;
mod counts;
mod http1;
mod http2;

use std::io::{self, Write};
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::counts::COUNTS;

const BACKLOG: i32 = 4096;

struct Options {
    latency: Duration,
    certificate_and_key: Option<(String, String)>,
    http2: bool,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = options()?;
    allow_many_descriptors();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    // SAFETY: the descriptor is open. Listening once more only makes the queue longer: a thousand clients come at once.
    unsafe { libc::listen(listener.as_raw_fd(), BACKLOG) };
    let tls = match &options.certificate_and_key {
        Some((certificate, key)) => Some(Arc::new(tls(certificate, key, options.http2)?)),
        None => None,
    };
    println!("listening {}", listener.local_addr()?.port());
    io::stdout().flush()?;
    end_with_input();
    if options.http2 {
        http2::serve(listener, tls, options.latency)?
    } else {
        http1::serve(listener, tls, options.latency)?
    }
    Ok(())
}

fn options() -> Result<Options, Box<dyn std::error::Error>> {
    let mut options = Options { latency: Duration::ZERO, certificate_and_key: None, http2: false };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut next = || words.next().ok_or(format!("{word} needs more"));
        match word.as_str() {
            "--latency-ms" => options.latency = Duration::from_secs_f64(next()?.parse::<f64>()? / 1e3),
            "--tls" => options.certificate_and_key = Some((next()?, next()?)),
            "--h2" => options.http2 = true,
            _ => return Err(format!("unknown: {word}").into()),
        }
    }
    Ok(options)
}

/// As many as this process may ask for: some clients open more connections than they have requests in flight.
fn allow_many_descriptors() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure lives through both calls, which change nothing else.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
        }
    }
}

/// However the bench ends, its end of the pipe is closed then, and no server stays.
fn end_with_input() {
    std::thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        let _ = writeln!(io::stdout(), "{COUNTS}"); // who asked may be gone
        std::process::exit(0);
    });
}

fn tls(certificate: &str, key: &str, http2: bool) -> Result<ServerConfig, Box<dyn std::error::Error>> {
    let chain = CertificateDer::pem_file_iter(certificate)?.collect::<Result<Vec<_>, _>>()?;
    let mut config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(chain, PrivateKeyDer::from_pem_file(key)?)?;
    config.alpn_protocols = vec![if http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    Ok(config)
}
