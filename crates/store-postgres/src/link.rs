//! One connection: a client of the library, what drives it, and a small runtime in which a caller's own thread runs both.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, Config, Error};

use crate::fault::{self, Failure};
use crate::tls::Connector;

/// Reads and writes the connection's bytes whenever it is polled; ends with the connection.
type Driver = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// A connection to the server.
pub(crate) struct Link {
    client: Client,
    driver: Driver,
    /// Dropped last: the others belong to it.
    runtime: Option<Runtime>,
    /// Whether every question so far was answered, so that the next answer belongs to the next question, and none was refused
    /// because of the server or the session behind this connection.
    sound: bool,
}

/// Why there is no connection.
pub(crate) enum Unconnected {
    /// The library's error.
    Refused(Error),
    /// Not in time, or the system gave no means.
    Late,
}

impl Unconnected {
    /// Whether the server is there, and all the connections that it gives are taken.
    pub(crate) fn is_crowded(&self) -> bool {
        matches!(self, Self::Refused(error) if fault::is_crowded(error))
    }
}

impl Link {
    pub(crate) fn connect(config: &Config, tls: &Connector, deadline: Instant) -> Result<Self, Unconnected> {
        let runtime =
            Builder::new_current_thread().enable_io().enable_time().build().map_err(|_| Unconnected::Late)?;
        let connecting = config.connect(tls.clone());
        let connected =
            runtime.block_on(async { tokio::time::timeout_at(deadline.into(), connecting).await });
        match connected {
            Ok(Ok((client, connection))) => {
                Ok(Self { client, driver: Box::pin(connection), runtime: Some(runtime), sound: true })
            }
            Ok(Err(error)) => Err(Unconnected::Refused(error)),
            Err(_) => {
                // A name may still be looked up: nobody waits for that.
                runtime.shutdown_background();
                Err(Unconnected::Late)
            }
        }
    }

    /// Asks one question, and waits for its answer until the deadline.
    pub(crate) fn ask<T>(
        &mut self,
        deadline: Instant,
        question: impl AsyncFnOnce(&Client) -> Result<T, Error>,
    ) -> Result<T, Failure> {
        let Self { client, driver, runtime: Some(runtime), sound } = self else { return Err(Failure::Lost) };
        *sound = false;
        let answered = runtime.block_on(async {
            let mut question = pin!(question(client));
            let both = poll_fn(|cx| {
                if let Poll::Ready(answer) = question.as_mut().poll(cx) {
                    return Poll::Ready(Some(answer));
                }
                if driver.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                // The connection has ended; what came with its end may still be the answer.
                match question.as_mut().poll(cx) {
                    Poll::Ready(answer) => Poll::Ready(Some(answer)),
                    Poll::Pending => Poll::Ready(None),
                }
            });
            tokio::time::timeout_at(deadline.into(), both).await
        });
        let failure = match answered {
            Ok(Some(Ok(answer))) => {
                *sound = true;
                return Ok(answer);
            }
            Ok(Some(Err(error))) => fault::of_question(&error),
            Ok(None) | Err(_) => Failure::Lost,
        };
        *sound = !failure.stays_with_the_connection();
        Err(failure)
    }

    /// Whether it can be used again, as far as this side can see: what the other side has sent meanwhile is read.
    pub(crate) fn is_alive(&mut self) -> bool {
        let Self { client, driver, runtime: Some(runtime), sound } = self else { return false };
        if !*sound || client.is_closed() {
            return false;
        }
        // The runtime looks at its sockets when a task steps aside.
        let has_ended = runtime.block_on(async {
            tokio::task::yield_now().await;
            driver.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
        });
        *sound = !has_ended;
        !has_ended
    }

    /// Whether it may be used again.
    pub(crate) const fn is_sound(&self) -> bool {
        self.sound
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
