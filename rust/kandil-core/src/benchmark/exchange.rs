//! A request, what came for it, and when.

use http::HeaderMap;

use crate::bucket::now;
use crate::transport::{Client, Fault, Request};

/// The head of an answer.
#[derive(Clone, Debug)]
pub struct Head {
    /// When it was read.
    pub at: u64,
    /// HTTP's.
    pub status: u16,
    /// As they came.
    pub headers: HeaderMap,
    /// It came on a connection that had served others.
    pub reused: bool,
}

/// All moments are nanoseconds of [`now`].
#[derive(Debug)]
pub struct Exchange {
    /// Of its round, from 0.
    pub number: usize,
    /// When it was to be sent.
    pub due: u64,
    /// When it was sent: before a connection was looked for.
    pub sent: u64,
    /// None: nothing has come.
    pub head: Option<Head>,
    /// Of the body: when each part was read, and where it ends.
    pub parts: Vec<(u64, usize)>,
    /// All parts, as they were sent.
    pub body: Vec<u8>,
    /// When nothing more was to come.
    pub ended: u64,
    /// Why the answer is not whole.
    pub fault: Option<Fault>,
}

impl Exchange {
    /// Sends the request, and stamps what comes, as it is read.
    pub(super) async fn of(client: &Client, request: Request, number: usize, due: u64) -> Exchange {
        let mut exchange = Exchange {
            number,
            due,
            sent: now(),
            head: None,
            parts: Vec::new(),
            body: Vec::new(),
            ended: 0,
            fault: None,
        };
        exchange.fault = exchange.recorded(client, request).await.err();
        exchange.ended = now();
        exchange
    }

    async fn recorded(&mut self, client: &Client, request: Request) -> Result<(), Fault> {
        let most = request.largest_body;
        let mut reply = client.open(request).await?;
        let headers = std::mem::take(&mut reply.headers);
        self.head = Some(Head { at: now(), status: reply.status, headers, reused: reply.reused });
        while let Some(part) = reply.part().await? {
            let at = now();
            if (self.body.len() + part.len()) as u64 > most {
                return Err(Fault::TooLarge { most, bomb: false });
            }
            self.body.extend_from_slice(&part);
            self.parts.push((at, self.body.len()));
        }
        Ok(())
    }

    /// What it takes of memory, about.
    #[must_use]
    pub fn size(&self) -> usize {
        self.body.capacity() + self.parts.capacity() * size_of::<(u64, usize)>() + size_of::<Exchange>()
    }
}
