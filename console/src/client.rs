//! Questions to the collector, over one channel; and questions that are kept open while the collector comes and goes.

use std::time::Duration;

use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc::{Receiver, Sender};
use tonic::transport::Channel;
use tonic::{Code, Status};
use traf_model::{Fleet, NamedFilter, Query, Report, Settings, Window};
use traf_peer::{Backoff, Credentials, CredentialsError, Refusal, channel, explain};
use traf_proto as wire;
use traf_proto::admin_client::AdminClient;
use traf_proto::view_client::ViewClient;
use traf_proto::{FiltersQuery, FleetQuery, MAX_MESSAGE, WireError};

use crate::event::{Change, Event, Watch};

/// Reasons why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not there, or gone.
    #[error("the collector cannot be reached: {0}")]
    Away(String),
    /// It does not let us.
    #[error("the collector refuses us: {0}")]
    Denied(String),
    /// It does not answer this question.
    #[error("the collector does not answer this question: {0}")]
    Refused(String),
    /// It will not change something.
    #[error("not done: {0}")]
    NotDone(String),
    /// Its answer means nothing.
    #[error("the collector's answer cannot be understood (is it of another version?): {0}")]
    Wire(#[from] WireError),
}

impl From<Status> for ClientError {
    fn from(status: Status) -> Self {
        if let Some(refusal) = Refusal::of(&status) {
            return Self::Denied(refusal.to_string());
        }
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
    admin: AdminClient<Channel>,
}

impl Client {
    /// Not connected yet: the first question connects, and so does any after the connection was lost.
    pub fn new(credentials: &Credentials) -> Result<Self, CredentialsError> {
        let channel = channel(&credentials.url, credentials)?;
        let view = ViewClient::new(channel.clone()).max_decoding_message_size(MAX_MESSAGE);
        Ok(Self { view, admin: AdminClient::new(channel) })
    }

    /// Answers to a query: one for the past, one each second else.
    pub async fn watch(
        &self,
        query: &Query,
    ) -> Result<impl Stream<Item = Result<Report, ClientError>> + use<>, ClientError> {
        let reports = self.view.clone().watch(wire::Query::from(query)).await?.into_inner();
        Ok(reports.map(|report| Ok(Report::try_from(report?)?)))
    }

    /// The sensors, each second.
    pub async fn fleet(&self) -> Result<impl Stream<Item = Result<Fleet, ClientError>> + use<>, ClientError> {
        let states = self.view.clone().fleet(FleetQuery {}).await?.into_inner();
        Ok(states.map(|state| Ok(Fleet::try_from(state?)?)))
    }

    /// The named filters, at once and whenever one of them was changed.
    pub async fn filters(
        &self,
    ) -> Result<impl Stream<Item = Result<Vec<NamedFilter>, ClientError>> + use<>, ClientError> {
        let filters = self.view.clone().filters(FiltersQuery {}).await?.into_inner();
        Ok(filters.map(|filters| Ok(filters?.try_into()?)))
    }

    /// The named filters now.
    pub async fn filters_now(&self) -> Result<Vec<NamedFilter>, ClientError> {
        first(self.filters().await?).await
    }

    /// Keeps a named filter, in the place of the one of its name.
    pub async fn save_filter(&self, filter: &NamedFilter) -> Result<(), ClientError> {
        self.admin.clone().save_filter(wire::NamedFilter::from(filter)).await.map_err(not_done)?;
        Ok(())
    }

    /// Deletes a named filter.
    pub async fn delete_filter(&self, name: &str) -> Result<(), ClientError> {
        self.admin.clone().delete_filter(wire::FilterName { name: name.to_owned() }).await.map_err(not_done)?;
        Ok(())
    }

    /// Sets the settings of a sensor; returns their revision.
    pub async fn set_settings(&self, sensor: &str, settings: &Settings) -> Result<u64, ClientError> {
        let message = wire::SensorSettings { sensor: sensor.to_owned(), settings: Some(settings.into()) };
        Ok(self.admin.clone().set_settings(message).await.map_err(not_done)?.into_inner().revision)
    }

    /// The sensors now.
    pub async fn fleet_now(&self) -> Result<Fleet, ClientError> {
        first(self.fleet().await?).await
    }
}

fn not_done(status: Status) -> ClientError {
    match ClientError::from(status) {
        ClientError::Refused(why) => ClientError::NotDone(why),
        other => other,
    }
}

async fn first<T>(answers: impl Stream<Item = Result<T, ClientError>>) -> Result<T, ClientError> {
    let mut answers = std::pin::pin!(answers);
    answers.next().await.unwrap_or_else(|| Err(ClientError::Away("it ended the stream without an answer".to_owned())))
}

/// The error of a stream that ends too early.
pub(crate) fn ended() -> ClientError {
    ClientError::Away("it ended the stream".to_owned())
}

/// Longest wait between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(4);

/// Keeps a watch open until it is answered for good (the past), or nobody listens any more.
pub async fn keep_watch(client: Client, watch: Watch, events: Sender<Event>) {
    let Watch { id, query } = watch;
    let once = matches!(query.window, Window::Past(_));
    let refused = |error| match error {
        ClientError::Away(reason) => Some(Event::Away(reason)),
        error => Some(Event::Refused(id, error.to_string())),
    };
    keep(events, once, || client.watch(&query), |report| Event::Report(id, Box::new(report)), refused).await;
}

/// Keeps the list of sensors coming until nobody listens any more.
pub async fn keep_fleet(client: Client, events: Sender<Event>) {
    let away = |error| match error {
        ClientError::Away(reason) => Some(Event::Away(reason)),
        error => Some(Event::Away(error.to_string())),
    };
    keep(events, false, || client.fleet(), |fleet| Event::Fleet(Box::new(fleet)), away).await;
}

/// Keeps the named filters coming until nobody listens any more. That the collector is away, or why it refuses, the list of
/// sensors says.
pub async fn keep_filters(client: Client, events: Sender<Event>) {
    keep(events, false, || client.filters(), Event::Filters, |_| None).await;
}

/// Asks, hands on each answer (or the first only), and asks again after an error.
async fn keep<T, S: Stream<Item = Result<T, ClientError>>, A: Future<Output = Result<S, ClientError>>>(
    events: Sender<Event>,
    once: bool,
    ask: impl Fn() -> A,
    answer: impl Fn(T) -> Event,
    failed: impl Fn(ClientError) -> Option<Event>,
) {
    let mut backoff = Backoff::up_to(LONGEST_WAIT);
    loop {
        let asked = async {
            let mut answers = std::pin::pin!(ask().await?);
            while let Some(next) = answers.next().await {
                backoff.reset();
                if events.send(answer(next?)).await.is_err() || once {
                    return Ok(());
                }
            }
            Err(ended())
        };
        let Err(error) = asked.await else { return };
        if let Some(event) = failed(error)
            && events.send(event).await.is_err()
        {
            return;
        }
        tokio::time::sleep(backoff.next(rand::random())).await;
    }
}

/// Hands changes to the collector, one after the other, and says what became of each.
pub async fn make_changes(client: Client, mut changes: Receiver<Change>, events: Sender<Event>) {
    while let Some(change) = changes.recv().await {
        let done = match &change {
            Change::SaveFilter(filter) => {
                client.save_filter(filter).await.map(|()| format!("filter `{}` is kept, for all consoles", filter.name))
            }
            Change::DeleteFilter(name) => {
                client.delete_filter(name).await.map(|()| format!("filter `{name}` is deleted"))
            }
            Change::Settings(sensor, settings) => client
                .set_settings(sensor, settings)
                .await
                .map(|revision| format!("{sensor}: change {revision} is kept, and told when it is there")),
        };
        if events.send(Event::Changed(done.map_err(|error| error.to_string()))).await.is_err() {
            return;
        }
    }
}
