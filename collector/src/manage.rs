//! Service for admins: named filters, and the settings of sensors. Each change stands in the audit.

use tonic::{Request, Response, Status};
use tracing::{info, warn};
use traf_model::{NamedFilter, Settings};
use traf_proto as wire;
use traf_proto::WireError;

use crate::access::caller;
use crate::clock;
use crate::collector::Collector;
use crate::secrets::Peer;
use crate::shared::ChangeError;

#[tonic::async_trait]
impl wire::admin_server::Admin for Collector {
    async fn save_filter(&self, request: Request<wire::NamedFilter>) -> Result<Response<wire::Done>, Status> {
        let peer = caller(&request)?;
        let filter = NamedFilter::try_from(request.into_inner()).map_err(|error| wrong(&error))?;
        let name = filter.name.clone();
        self.shared.save_filter(filter, (clock::now(), &peer.name)).await.map_err(status)?;
        self.note(&peer, &format!("filter `{name}` saved")).await;
        Ok(Response::new(wire::Done::default()))
    }

    async fn delete_filter(&self, request: Request<wire::FilterName>) -> Result<Response<wire::Done>, Status> {
        let peer = caller(&request)?;
        let name = request.into_inner().name;
        self.shared.delete_filter(&name).await.map_err(status)?;
        self.note(&peer, &format!("filter `{name}` deleted")).await;
        Ok(Response::new(wire::Done::default()))
    }

    async fn set_settings(&self, request: Request<wire::SensorSettings>) -> Result<Response<wire::Done>, Status> {
        let peer = caller(&request)?;
        let wire::SensorSettings { sensor, settings } = request.into_inner();
        let settings = Settings::try_from(settings.unwrap_or_default()).map_err(|error| wrong(&error))?;
        let sensors = self.peers.sensors();
        let Some(known) = sensors.iter().find(|known| known.name == sensor && known.revoked.is_none()) else {
            return Err(Status::not_found(format!("there is no sensor `{sensor}`")));
        };
        let revision =
            self.shared.save_settings(&known.id, settings, (clock::now(), &peer.name)).await.map_err(status)?;
        self.note(&peer, &format!("settings of `{sensor}` changed: revision {revision}")).await;
        Ok(Response::new(wire::Done { revision }))
    }
}

impl Collector {
    async fn note(&self, peer: &Peer, what: &str) {
        info!(console = peer.name, "{what}");
        self.secrets.note(&peer.name, what).await;
    }
}

fn wrong(error: &WireError) -> Status {
    Status::invalid_argument(error.to_string())
}

fn status(error: ChangeError) -> Status {
    match error {
        ChangeError::Store(error) => {
            warn!("a change cannot be kept: {error}");
            Status::resource_exhausted(format!("the collector cannot write: {error}"))
        }
        ChangeError::NoFilter(_) => Status::not_found(error.to_string()),
        ChangeError::Full | ChangeError::Stale(_) => Status::failed_precondition(error.to_string()),
    }
}
