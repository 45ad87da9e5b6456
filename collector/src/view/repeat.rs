//! Streams of answers: one when it is due, until the console may no longer listen or the collector ends.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use tonic::Status;

use crate::access::over;
use crate::collector::{Answers, Collector};
use crate::secrets::Peer;

/// A question that is answered again and again.
pub(super) trait Repeated: Send + 'static {
    /// Message to the console.
    type Answer: Send + 'static;

    /// Waits until the next answer may be due; false if there is nothing to say. The first answer is due at once.
    fn due(&mut self, first: bool) -> impl Future<Output = bool> + Send {
        async move {
            if !first {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            true
        }
    }

    /// Makes the answer.
    fn answer(&mut self, view: &Collector) -> impl Future<Output = Result<Self::Answer, Status>> + Send;
}

/// The answers to a question, for a console.
pub(super) fn repeat<R: Repeated>(view: Collector, peer: Arc<Peer>, question: R) -> Answers<R::Answer> {
    Box::pin(stream::try_unfold(
        (view, peer, Box::new(question), true),
        |(view, peer, mut question, first)| async move {
            loop {
                let due = tokio::select! {
                    () = view.stop.cancelled() => false,
                    due = question.due(first) => due,
                };
                if let Some(status) = over(&view.peers, &peer, &view.stop) {
                    return Err(status);
                }
                if due {
                    let answer = question.answer(&view).await?;
                    return Ok(Some((answer, (view, peer, question, false))));
                }
            }
        },
    ))
}
