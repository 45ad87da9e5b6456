//! Service for consoles: a question, and its whole answer each time.
//!
//! An answer is made when the console is ready to take one, so a slow console gets the latest and never a queue.

mod filters;
mod fleet;
mod past;
mod present;
mod repeat;
pub(crate) mod watches;

use futures_util::stream;
use tonic::{Request, Response, Status};
use tracing::debug;
use traf_model::{Query, Report, Scope, Timestamp, Window};
use traf_proto as wire;

use self::repeat::repeat;
use crate::access::caller;
use crate::clock;
use crate::collector::{Answers, Collector};

/// Questions to the store at once; others wait their turn.
pub(crate) const QUESTIONS: usize = 3;

#[tonic::async_trait]
impl wire::view_server::View for Collector {
    type WatchStream = Answers<wire::Report>;
    type FleetStream = Answers<wire::FleetState>;
    type FiltersStream = Answers<wire::NamedFilters>;

    async fn watch(&self, request: Request<wire::Query>) -> Result<Response<Self::WatchStream>, Status> {
        let peer = caller(&request)?;
        let query = Query::try_from(request.into_inner())
            .map_err(|error| Status::invalid_argument(format!("the question cannot be read: {error}")))?;
        debug!(console = peer.name, ?query, "watch");
        let watch = self.watches.open(&peer)?;
        Ok(Response::new(watch.keep(match query.window {
            Window::Live => repeat(self.clone(), peer, present::LiveQuestion::new(self, query)),
            Window::Last(length) => repeat(self.clone(), peer, past::LastStretch { query, length }),
            Window::Past(interval) => {
                let view = self.clone();
                Box::pin(stream::once(async move { view.past(&query, interval, clock::now()).await }))
            }
        })))
    }

    async fn fleet(&self, request: Request<wire::FleetQuery>) -> Result<Response<Self::FleetStream>, Status> {
        let peer = caller(&request)?;
        let watch = self.watches.open(&peer)?;
        Ok(Response::new(watch.keep(repeat(self.clone(), peer, fleet::FleetStates::default()))))
    }

    async fn filters(&self, request: Request<wire::FiltersQuery>) -> Result<Response<Self::FiltersStream>, Status> {
        let peer = caller(&request)?;
        let watch = self.watches.open(&peer)?;
        Ok(Response::new(watch.keep(repeat(self.clone(), peer, filters::Filters::new(self)))))
    }
}

impl Collector {
    /// Fills in the sensors of a report's scope: their number, those that report, those that are away, and troubles.
    fn census(&self, report: &mut Report, scope: &Scope, now: Timestamp) {
        let known = self.peers.sensors();
        let known: Vec<_> =
            known.iter().filter(|peer| peer.revoked.is_none() && scope.holds_sensor(&peer.name)).collect();
        let seen = self.live.seen(now);
        let reporting =
            |id: &str| seen.iter().any(|seen| seen.id == id && seen.presence == traf_model::Presence::Reporting);
        report.at = now;
        report.sensors_known = u32::try_from(known.len()).unwrap_or(u32::MAX);
        let silent: Vec<&str> =
            known.iter().filter(|peer| !reporting(&peer.id)).map(|peer| peer.name.as_str()).collect();
        report.sensors_reporting = report.sensors_known - u32::try_from(silent.len()).unwrap_or(u32::MAX);
        if report.live && !silent.is_empty() {
            report.notes.push(match silent.len() {
                1..=3 => format!("{}: no word now, not in these numbers", silent.join(", ")),
                many => format!("{many} sensors give no word now and are not in these numbers"),
            });
        }
        for point in &scope.0 {
            if !known.iter().any(|peer| peer.name == point.sensor) {
                report.notes.push(format!("there is no sensor `{}`", point.sensor));
            }
        }
        let trouble = self.written.borrow().trouble.clone();
        if !trouble.is_empty() {
            report.notes.push(trouble);
        }
    }
}
