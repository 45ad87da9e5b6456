//! Questions to the collector, over one channel; and questions that are kept open while the collector comes and goes.

use std::time::Duration;

use futures_util::{Stream, StreamExt};
use rand::Rng;
use tokio::sync::mpsc::Sender;
use tonic::transport::Channel;
use tonic::{Code, Status};
use traf_proto::client::{Credentials, CredentialsError, channel, explain};
use traf_proto::wire::view_client::ViewClient;
use traf_proto::wire::{self, FleetQuery, MAX_MESSAGE, WireError};
use traf_proto::{Fleet, Query, Report, Window};

use crate::event::{Event, Watch};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not there, or gone.
    #[error("the collector cannot be reached: {0}")]
    Away(String),
    /// It does not let us.
    #[error("the collector refuses us: {0}")]
    Denied(String),
    /// It does not answer this question.
    #[error("the collector does not answer: {0}")]
    Refused(String),
    /// Its answer means nothing.
    #[error("the collector's answer cannot be understood (is it of another version?): {0}")]
    Wire(#[from] WireError),
}

impl From<Status> for ClientError {
    fn from(status: Status) -> Self {
        match status.code() {
            Code::Unavailable
            | Code::Unknown
            | Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::Internal => Self::Away(explain(&status)),
            Code::PermissionDenied | Code::Unauthenticated => Self::Denied(status.message().to_owned()),
            _ => Self::Refused(status.message().to_owned()),
        }
    }
}

/// A way to ask.
#[derive(Clone, Debug)]
pub struct Client {
    view: ViewClient<Channel>,
}

impl Client {
    /// Not connected yet: the first question connects, and so does any after the connection was lost.
    ///
    /// # Errors
    /// When the credentials cannot be used.
    pub fn new(credentials: &Credentials) -> Result<Self, CredentialsError> {
        let view = ViewClient::new(channel(&credentials.url, credentials)?).max_decoding_message_size(MAX_MESSAGE);
        Ok(Self { view })
    }

    /// Answers to a query: one for the past, one each second else.
    ///
    /// # Errors
    /// When the collector is away or refuses.
    pub async fn watch(
        &self,
        query: &Query,
    ) -> Result<impl Stream<Item = Result<Report, ClientError>> + use<>, ClientError> {
        let reports = self.view.clone().watch(wire::Query::from(query)).await?.into_inner();
        Ok(reports.map(|report| Ok(Report::try_from(report?)?)))
    }

    /// Who reports, each second.
    ///
    /// # Errors
    /// When the collector is away or refuses.
    pub async fn fleet(&self) -> Result<impl Stream<Item = Result<Fleet, ClientError>> + use<>, ClientError> {
        let states = self.view.clone().fleet(FleetQuery {}).await?.into_inner();
        Ok(states.map(|state| Ok(Fleet::try_from(state?)?)))
    }

    /// The first answer to a query.
    ///
    /// # Errors
    /// When there is none.
    pub async fn report(&self, query: &Query) -> Result<Report, ClientError> {
        first(self.watch(query).await?).await
    }

    /// Who reports now.
    ///
    /// # Errors
    /// When the collector does not say.
    pub async fn fleet_now(&self) -> Result<Fleet, ClientError> {
        first(self.fleet().await?).await
    }
}

async fn first<T>(answers: impl Stream<Item = Result<T, ClientError>>) -> Result<T, ClientError> {
    let mut answers = std::pin::pin!(answers);
    answers.next().await.unwrap_or_else(|| Err(ClientError::Away("it ended the stream without an answer".to_owned())))
}

/// Longest wait between two attempts: full jitter below it, so that many consoles do not come back at once.
const LONGEST_PAUSE: Duration = Duration::from_secs(4);

/// Waits that grow, and begin again when something answered.
#[derive(Debug, Default)]
struct Backoff {
    failures: u32,
}

impl Backoff {
    async fn wait(&mut self) {
        let ceiling = Duration::from_millis(250).saturating_mul(1 << self.failures.min(6)).min(LONGEST_PAUSE);
        self.failures += 1;
        let pause = rand::rng().random_range(Duration::from_millis(50)..=ceiling);
        tokio::time::sleep(pause).await;
    }
}

/// Keeps a watch open until it is answered for good (the past), refused, or nobody listens any more.
pub async fn keep_watch(client: Client, watch: Watch, events: Sender<Event>) {
    let mut backoff = Backoff::default();
    let once = matches!(watch.query.window, Window::Past(_));
    loop {
        let ended = async {
            let mut reports = std::pin::pin!(client.watch(&watch.query).await?);
            while let Some(report) = reports.next().await {
                backoff.failures = 0;
                let event = Event::Report(watch.id, Box::new(report?));
                if events.send(event).await.is_err() || once {
                    return Ok(());
                }
            }
            Err(ClientError::Away("it ended the stream".to_owned()))
        };
        match ended.await {
            Ok(()) => return,
            Err(ClientError::Away(reason)) => {
                if events.send(Event::Away(reason)).await.is_err() {
                    return;
                }
            }
            Err(error) => drop(events.send(Event::Refused(watch.id, error.to_string())).await),
        }
        backoff.wait().await;
    }
}

/// Keeps the list of sensors coming until nobody listens any more.
pub async fn keep_fleet(client: Client, events: Sender<Event>) {
    let mut backoff = Backoff::default();
    loop {
        let ended: Result<(), ClientError> = async {
            let mut states = std::pin::pin!(client.fleet().await?);
            while let Some(state) = states.next().await {
                backoff.failures = 0;
                if events.send(Event::Fleet(Box::new(state?))).await.is_err() {
                    return Ok(());
                }
            }
            Err(ClientError::Away("it ended the stream".to_owned()))
        }
        .await;
        let Err(error) = ended else { return };
        let reason = if let ClientError::Away(reason) = error { reason } else { error.to_string() };
        if events.send(Event::Away(reason)).await.is_err() {
            return;
        }
        backoff.wait().await;
    }
}
