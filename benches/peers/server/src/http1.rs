//! HTTP/1.1 with keep-alive: one thread, one epoll, one queue of answers whose time comes.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::TcpListener;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection};

use crate::answer;
use crate::connection::Connection;
use crate::counts::COUNTS;

const LISTENER: u64 = u64::MAX;
const EVENTS: usize = 1024;

/// All answers take equally long, so the first in the queue is always the next.
struct Due {
    at: Instant,
    slot: usize,
    turn: u32,
}

struct Server {
    epoll: OwnedFd,
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    latency: Duration,
    /// With the turn of each place: what was due for a connection that is gone finds another number.
    connections: Vec<(u32, Option<Connection>)>,
    free: Vec<usize>,
    due: VecDeque<Due>,
    body: Vec<u8>,
}

/// Serves until the process is ended.
pub(crate) fn serve(listener: TcpListener, tls: Option<Arc<ServerConfig>>, latency: Duration) -> io::Result<()> {
    // SAFETY: a new descriptor, which nobody else owns.
    let epoll = unsafe { OwnedFd::from_raw_fd(checked(libc::epoll_create1(libc::EPOLL_CLOEXEC).into())? as i32) };
    let (connections, free, due, body) = (Vec::new(), Vec::new(), VecDeque::new(), Vec::new());
    let mut server = Server { epoll, listener, tls, latency, connections, free, due, body };
    server.watch(libc::EPOLL_CTL_ADD, server.listener.as_raw_fd(), libc::EPOLLIN, LISTENER)?;
    let mut events = vec![libc::epoll_event { events: 0, u64: 0 }; EVENTS];
    loop {
        let ready = server.wait(&mut events)?;
        for event in &events[..ready] {
            match event.u64 {
                LISTENER => server.accept()?,
                slot => server.went_on(slot as usize),
            }
        }
        server.answer_due();
    }
}

impl Server {
    /// Until something can be read or written, or the next answer is due.
    fn wait(&self, events: &mut [libc::epoll_event]) -> io::Result<usize> {
        let left = self.due.front().map(|due| due.at.saturating_duration_since(Instant::now()));
        let left = left.map(|left| libc::timespec { tv_sec: left.as_secs() as _, tv_nsec: left.subsec_nanos().into() });
        let timeout = left.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
        // SAFETY: the pointers are to what lives until the call is over, and the length is the slice's.
        // By number: `epoll_pwait2` (Linux 5.11) waits for less than a millisecond, and older C libraries lack it.
        let ready = unsafe {
            let (set, set_bytes) = (std::ptr::null::<libc::sigset_t>(), 8_usize);
            let (count, epoll) = (events.len() as i32, self.epoll.as_raw_fd());
            libc::syscall(libc::SYS_epoll_pwait2, epoll, events.as_mut_ptr(), count, timeout, set, set_bytes)
        };
        match checked(ready) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
            ready => Ok(ready? as usize),
        }
    }

    fn watch(&self, what: i32, descriptor: i32, events: i32, data: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: events as u32, u64: data };
        // SAFETY: the event lives until the call is over.
        checked(unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), what, descriptor, &mut event) }.into()).map(drop)
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let tls = self.tls.clone().map(ServerConnection::new).transpose().map_err(io::Error::other)?;
            let slot = self.free.pop().unwrap_or_else(|| {
                self.connections.push((0, None));
                self.connections.len() - 1
            });
            self.watch(libc::EPOLL_CTL_ADD, stream.as_raw_fd(), libc::EPOLLIN, slot as u64)?;
            self.connections[slot].1 = Some(Connection::new(stream, tls));
            COUNTS.connections.fetch_add(1, Relaxed);
            COUNTS.open_connections.rises();
        }
    }

    /// Something happened to a connection: reads, answers, writes. What goes wrong ends that connection alone.
    fn went_on(&mut self, slot: usize) {
        let Some(connection) = &mut self.connections[slot].1 else { return };
        if connection.fill().and_then(|()| self.answer(slot)).is_err() {
            self.close(slot);
        }
    }

    /// Answers the requests that are whole, until one must wait for its time.
    fn answer(&mut self, slot: usize) -> io::Result<()> {
        let (turn, Some(connection)) = &mut self.connections[slot] else { return Ok(()) };
        while !connection.held {
            let Some(request) = connection.request()? else { break };
            let text = |place| std::str::from_utf8(connection.bytes(place)).unwrap_or("");
            self.body.clear();
            let (method, path) = (text(&request.method), text(&request.path));
            let answer = answer::answer(method, path, connection.bytes(&request.body), &mut self.body);
            connection.forget(&request);
            write!(
                connection.output,
                "HTTP/1.1 {} \r\ncontent-type: application/json\r\ncontent-length: {}\r\nserver: bench\r\n\r\n",
                answer.status,
                self.body.len()
            )?;
            connection.output.extend_from_slice(&self.body);
            if answer.takes_time && !self.latency.is_zero() {
                connection.held = true;
                COUNTS.in_flight.rises();
                self.due.push_back(Due { at: Instant::now() + self.latency, slot, turn: *turn });
            }
        }
        let all = connection.flush()?;
        if all && connection.closes && !connection.held {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        if all == connection.wants_write {
            connection.wants_write = !all;
            let (descriptor, more) = (connection.stream.as_raw_fd(), if all { 0 } else { libc::EPOLLOUT });
            self.watch(libc::EPOLL_CTL_MOD, descriptor, libc::EPOLLIN | more, slot as u64)?;
        }
        Ok(())
    }

    fn answer_due(&mut self) {
        if self.due.is_empty() {
            return;
        }
        let now = Instant::now();
        while let Some(due) = self.due.pop_front_if(|due| due.at <= now) {
            COUNTS.in_flight.falls();
            let (turn, Some(connection)) = &mut self.connections[due.slot] else { continue };
            if *turn == due.turn {
                connection.held = false;
                if self.answer(due.slot).is_err() {
                    self.close(due.slot);
                }
            }
        }
    }

    fn close(&mut self, slot: usize) {
        let (turn, connection) = &mut self.connections[slot];
        *turn = turn.wrapping_add(1);
        if connection.take().is_some() {
            COUNTS.open_connections.falls();
            self.free.push(slot);
        }
    }
}

fn checked(result: i64) -> io::Result<i64> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
