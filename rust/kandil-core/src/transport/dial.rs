//! From a name to an open connection: every address is checked before it is connected to.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::Fault;
use super::address::{is_metadata_name, refusal};
use super::fault::without_number;

/// RFC 8305: how long the first address has before the next is tried beside it.
const NEXT_AFTER: Duration = Duration::from_millis(250);
const MOST_ADDRESSES: usize = 16;

/// Why nothing is sent to such a host, whatever its addresses are.
pub(super) fn unusable(host: &str, plain: bool) -> Option<Fault> {
    if is_metadata_name(host) {
        return Some(Fault::Url("nothing is sent to clouds' metadata services"));
    }
    match host.parse::<IpAddr>() {
        Ok(address) => refusal(address, plain).map(Fault::Url),
        Err(_) if plain && host != "localhost" => Some(Fault::Url("http:// is for servers on this machine alone")),
        Err(_) => None,
    }
}

/// The addresses of a host that may be connected to, in the order in which to try them.
pub(super) async fn look_up(host: &str, port: u16, plain: bool) -> Result<Vec<SocketAddr>, Fault> {
    let found: Vec<SocketAddr> = match host.parse::<IpAddr>() {
        Ok(address) => vec![SocketAddr::new(address, port)],
        Err(_) => tokio::net::lookup_host((host, port)).await.map_err(|error| unknown(&error))?.collect(),
    };
    allowed(&found, plain)
}

/// Of what was found; where plain, all must be this machine's own.
pub(super) fn allowed(found: &[SocketAddr], plain: bool) -> Result<Vec<SocketAddr>, Fault> {
    let Some(first) = found.first() else {
        return Err(Fault::Name { reason: "no such name".to_owned(), temporary: false });
    };
    let refused = |address: &&SocketAddr| refusal(address.ip(), plain).is_some();
    let (stray, good): (Vec<&SocketAddr>, Vec<&SocketAddr>) = found.iter().partition(refused);
    if let Some(address) = stray.first()
        && (plain || good.is_empty())
    {
        let reason = refusal(address.ip(), plain).unwrap_or_default();
        return Err(Fault::Address { address: address.ip().to_string(), reason });
    }
    Ok(interleaved(&good, first.is_ipv6()))
}

/// The families in turn, each address once.
fn interleaved(addresses: &[&SocketAddr], six_first: bool) -> Vec<SocketAddr> {
    let (first, second): (Vec<&SocketAddr>, Vec<&SocketAddr>) =
        addresses.iter().partition(|address| address.is_ipv6() == six_first);
    let mut turns = Vec::new();
    for at in 0..addresses.len() {
        for family in [&first, &second] {
            if let Some(&&address) = family.get(at)
                && !turns.contains(&address)
            {
                turns.push(address);
            }
        }
    }
    turns.truncate(MOST_ADDRESSES);
    turns
}

/// The standard library has the code as words alone.
fn unknown(error: &io::Error) -> Fault {
    let said = error.to_string();
    let said = said.rsplit(": ").next().unwrap_or_default().to_lowercase();
    let temporary =
        !["not known", "no address associated", "no such host", "invalid"].iter().any(|no| said.contains(no));
    Fault::Name { reason: if temporary { said } else { "no such name".to_owned() }, temporary }
}

/// The first connection that opens; each next address is tried when the one before has failed, or is slow.
pub(super) async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, Fault> {
    let mut rest = addresses.iter();
    let mut attempts = FuturesUnordered::new();
    let mut failures = Vec::new();
    loop {
        match rest.next() {
            Some(address) => attempts.push(TcpStream::connect(*address)),
            None if attempts.is_empty() => return Err(failure(&failures)),
            None => {}
        }
        tokio::select! {
            biased;
            Some(attempt) = attempts.next() => match attempt {
                Ok(stream) => {
                    let _ = stream.set_nodelay(true);
                    return Ok(stream);
                }
                Err(error) => failures.push(error),
            },
            () = sleep(NEXT_AFTER), if rest.len() > 0 => {}
        }
    }
}

/// What the most telling of the failures was.
fn failure(failures: &[io::Error]) -> Fault {
    use io::ErrorKind::{AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkDown, NetworkUnreachable};
    let is = |kinds: &[io::ErrorKind], error: &io::Error| kinds.contains(&error.kind());
    let reason = failures.first().map(without_number).unwrap_or_default();
    if failures.iter().any(|error| is(&[ConnectionRefused], error)) {
        Fault::ConnectionRefused
    } else if failures
        .iter()
        .all(|error| is(&[NetworkUnreachable, HostUnreachable, NetworkDown, AddrNotAvailable], error))
    {
        Fault::NoRoute(reason)
    } else {
        Fault::Connect(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(addresses: &[&str]) -> Vec<SocketAddr> {
        addresses.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 443)).collect()
    }

    #[test]
    fn what_a_name_leads_to_is_checked() {
        let good = all(&["8.8.8.8", "2606:4700::1", "8.8.4.4", "8.8.8.8"]);
        assert_eq!(allowed(&good, false), Ok(all(&["8.8.8.8", "2606:4700::1", "8.8.4.4"])));
        assert_eq!(allowed(&all(&["169.254.169.254", "8.8.8.8"]), false), Ok(all(&["8.8.8.8"])));
        let refused = |addresses, plain| match allowed(&all(addresses), plain) {
            Err(Fault::Address { address, .. }) => address,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(&["169.254.169.254"], false), "169.254.169.254");
        assert_eq!(refused(&["127.0.0.1", "10.0.0.1"], true), "10.0.0.1", "one stray is enough");
        assert!(matches!(allowed(&[], false), Err(Fault::Name { temporary: false, .. })));
    }

    #[test]
    fn hosts_that_nothing_is_sent_to() {
        for (host, plain) in [("metadata.google.internal", false), ("169.254.169.254", false), ("::", false)] {
            assert!(unusable(host, plain).is_some(), "{host}");
        }
        assert!(unusable("example.org", true).is_some());
        assert!(unusable("10.0.0.1", true).is_some());
        assert!(unusable("10.0.0.1", false).is_none());
        assert!(unusable("localhost", true).is_none());
        assert!(unusable("::1", true).is_none());
    }
}
