//! Through a proxy to a server: CONNECT (RFC 9110, 9.3.6) and SOCKS5 (RFC 1928, 1929). The proxy looks the name up.

use std::fmt;
use std::io;
use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::Fault;

const LARGEST_HEAD: usize = 16 << 10;
const CLOSED: &str = "it has closed the connection";
const STATUS_LINE: usize = 12;
const NO_USER: u8 = 0;
const PASSWORD: u8 = 2;
const NO_METHOD: u8 = 0xff;

/// What is spoken to a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyScheme {
    /// CONNECT.
    Http,
    /// CONNECT, inside TLS.
    Https,
    /// SOCKS5.
    Socks5,
}

/// Who leads to servers. Its user's name and password are not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// What it speaks.
    pub scheme: ProxyScheme,
    /// Without brackets.
    pub host: String,
    /// Its own.
    pub port: u16,
    /// Name and password.
    pub user: Option<(String, String)>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "Proxy({:?}, {}:{})", self.scheme, self.host, self.port)
    }
}

/// What is sent over the stream from now on goes to the host.
pub(super) async fn lead<Io: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut Io,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<(), Fault> {
    match proxy.scheme {
        ProxyScheme::Socks5 => socks5(stream, proxy, host, port).await,
        ProxyScheme::Http | ProxyScheme::Https => connect(stream, proxy, host, port).await,
    }
}

fn refused(reason: impl Into<String>, status: Option<u16>) -> Fault {
    Fault::Proxy { reason: reason.into(), status }
}

#[allow(clippy::needless_pass_by_value, reason = "it is what map_err gives")]
fn broken(_: io::Error) -> Fault {
    refused(CLOSED, None)
}

async fn connect<Io>(stream: &mut Io, proxy: &Proxy, host: &str, port: u16) -> Result<(), Fault>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let to = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    let mut asked = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n");
    if let Some((name, password)) = &proxy.user {
        asked += "Proxy-Authorization: Basic ";
        asked += &base64(format!("{name}:{password}").as_bytes());
        asked += "\r\n";
    }
    asked += "\r\n";
    stream.write_all(asked.as_bytes()).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        // The server says nothing before we do: nothing follows the head.
        if stream.read_buf(&mut head).await.map_err(broken)? == 0 {
            return Err(refused(CLOSED, None));
        }
        match status(&head) {
            Some(status) if !(200..300).contains(&status) => {
                return Err(refused(format!("it answered {status}"), Some(status)));
            }
            None if head.len() > STATUS_LINE => return Err(refused("what answers is no HTTP proxy", None)),
            _ if head.len() > LARGEST_HEAD => return Err(refused("what answers is no HTTP proxy", None)),
            _ => {}
        }
    }
    Ok(())
}

/// `HTTP/1.1 200 …`
fn status(head: &[u8]) -> Option<u16> {
    let (version, rest) = head.split_at_checked(9)?;
    let (digits, after) = rest.split_at_checked(3)?;
    let known = matches!(version, b"HTTP/1.1 " | b"HTTP/1.0 ") && matches!(after.first(), Some(b' ' | b'\r'));
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    (known && (100..600).contains(&number)).then_some(number)
}

async fn socks5<Io>(stream: &mut Io, proxy: &Proxy, host: &str, port: u16) -> Result<(), Fault>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let methods: &[u8] = if proxy.user.is_some() { &[NO_USER, PASSWORD] } else { &[NO_USER] };
    send(stream, &[&[5, methods.len() as u8], methods]).await?;
    let [version, method] = exactly::<2, _>(stream).await?;
    if version != 5 || !(methods.contains(&method) || method == NO_METHOD) {
        return Err(refused("what answers is no SOCKS5 proxy", None));
    }
    match &proxy.user {
        Some((name, password)) if method == PASSWORD => {
            let (name, password) = (short(name), short(password));
            send(stream, &[&[1, name.len() as u8], name, &[password.len() as u8], password]).await?;
            if exactly::<2, _>(stream).await?[1] != 0 {
                return Err(refused("it knows no such name and password", Some(407)));
            }
        }
        _ if method == NO_METHOD => {
            return Err(refused("it wants another name and password, or one at all", Some(407)));
        }
        _ => {}
    }
    let (kind, address) = match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => (1, address.octets().to_vec()),
        Ok(IpAddr::V6(address)) => (4, address.octets().to_vec()),
        Err(_) => (3, [&[short(host).len() as u8], short(host)].concat()),
    };
    send(stream, &[&[5, 1, 0, kind], &address, &port.to_be_bytes()]).await?;
    let [version, answer, _, kind] = exactly::<4, _>(stream).await?;
    if version != 5 || answer != 0 {
        return Err(refused(refusal(answer), None));
    }
    let length = match kind {
        1 => 4,
        4 => 16,
        _ => exactly::<1, _>(stream).await?[0],
    };
    let mut rest = [0; 257];
    let rest = rest.get_mut(..usize::from(length) + 2).unwrap_or_default();
    stream.read_exact(rest).await.map_err(broken)?;
    Ok(())
}

fn refusal(answer: u8) -> &'static str {
    match answer {
        1 => "it failed",
        2 => "its rules do not allow it",
        3 => "it cannot reach the network",
        4 => "it cannot reach the host",
        5 => "nobody listens there",
        6 => "it waited too long",
        7 => "it cannot make connections",
        8 => "it does not know such addresses",
        _ => "it refused",
    }
}

async fn send<Io: AsyncWrite + Unpin>(stream: &mut Io, parts: &[&[u8]]) -> Result<(), Fault> {
    stream.write_all(&parts.concat()).await.map_err(broken)?;
    stream.flush().await.map_err(broken)
}

async fn exactly<const SIZE: usize, Io: AsyncRead + Unpin>(stream: &mut Io) -> Result<[u8; SIZE], Fault> {
    let mut bytes = [0; SIZE];
    stream.read_exact(&mut bytes).await.map_err(broken)?;
    Ok(bytes)
}

/// Lengths are one byte.
fn short(text: &str) -> &[u8] {
    text.as_bytes().get(..255).unwrap_or(text.as_bytes())
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let number = (0..3).fold(0, |number, at| number << 8 | u32::from(*three.get(at).unwrap_or(&0)));
        for at in 0..4 {
            let digit = DIGITS[(number >> (18 - 6 * at) & 63) as usize];
            text.push(if at > three.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_as_rfc_4648_has_it() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
        assert_eq!(base64(&[0xff, 0xfe, 0xfb]), "//77");
    }

    #[test]
    fn a_status_line_is_read_or_is_none() {
        assert_eq!(status(b"HTTP/1.1 407 Proxy"), Some(407));
        for none in [&b"HTTP/1.1 2"[..], b"HTTP/2.0 200 OK", b"HTTP/1.1 999 X", b"SSH-2.0-OpenSSH_9"] {
            assert_eq!(status(none), None);
        }
    }

    #[test]
    fn a_proxy_does_not_show_its_password() {
        let user = Some(("me".to_owned(), "hunter2".to_owned()));
        let proxy = Proxy { scheme: ProxyScheme::Http, host: "proxy".to_owned(), port: 3128, user };
        assert_eq!(format!("{proxy:?}"), "Proxy(Http, proxy:3128)");
    }
}
