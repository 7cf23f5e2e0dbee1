//! The thread on which all connections of a run live.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::interval;

use super::{Client, Fault, Settings};

/// How often idle connections are looked at.
const SWEEP: Duration = Duration::from_secs(10);

type Task = Box<dyn FnOnce(Rc<Client>) -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// Ends with its value: what still runs on it is dropped.
pub struct Thread {
    tasks: Option<UnboundedSender<Task>>,
    thread: Option<JoinHandle<()>>,
}

impl Thread {
    /// A thread with a client.
    ///
    /// # Errors
    /// The system gives no thread. That its certificates cannot be read is told where they are needed.
    pub fn start(settings: Settings) -> Result<Thread, Fault> {
        let client = settings.prepared();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (tasks, mut wanted) = unbounded_channel::<Task>();
        let work = move || {
            let client = Rc::new(Client::new(client));
            let local = LocalSet::new();
            runtime.block_on(local.run_until(async move {
                let mut sweep = interval(SWEEP);
                loop {
                    tokio::select! {
                        task = wanted.recv() => match task {
                            Some(task) => drop(spawn_local(task(Rc::clone(&client)))),
                            None => break,
                        },
                        _ = sweep.tick() => client.sweep(),
                    }
                }
            }));
            drop(local);
            runtime.shutdown_background(); // a name that is still looked up is not waited for
        };
        let thread = std::thread::Builder::new().name("kandil-io".to_owned()).spawn(work).map_err(failed)?;
        Ok(Thread { tasks: Some(tasks), thread: Some(thread) })
    }

    /// Runs it there; it may have what cannot leave the thread. After the thread's end, nothing happens.
    pub fn spawn<Made, Work>(&self, make: Made)
    where
        Made: FnOnce(Rc<Client>) -> Work + Send + 'static,
        Work: Future<Output = ()> + 'static,
    {
        if let Some(tasks) = &self.tasks {
            let _ = tasks.send(Box::new(move |client| Box::pin(make(client))));
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.tasks = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn failed(error: io::Error) -> Fault {
    Fault::Connect(error.to_string())
}
