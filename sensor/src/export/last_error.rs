//! A stream that is opened again and again, and its last error: the same error is logged once, not at every attempt.

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use traf_peer::Backoff;

/// Remembers the last words.
#[derive(Debug)]
pub(crate) struct LastError {
    what: &'static str,
    last: Option<String>,
    /// Time since which the connection works; `None` while it does not.
    since: Option<Instant>,
    backoff: Backoff,
}

impl LastError {
    /// About `what`.
    pub(crate) fn about(what: &'static str) -> Self {
        Self { what, last: None, since: None, backoff: Backoff::default() }
    }

    /// The connection broke, for this reason: waits until it is time for another attempt, or until `stop`.
    pub(crate) async fn wait(&mut self, words: String, stop: &CancellationToken) {
        self.trouble(words);
        if let Some(since) = self.since.take() {
            self.backoff.connected(since.elapsed());
        }
        stop.run_until_cancelled(tokio::time::sleep(self.backoff.next(rand::random()))).await;
    }

    /// Something went wrong; gives whether it was news.
    fn trouble(&mut self, words: String) -> bool {
        let news = self.last.as_ref() != Some(&words);
        if news {
            tracing::warn!("{}: {words}; trying again", self.what);
            self.last = Some(words);
        }
        news
    }

    /// It works; gives whether that was news.
    pub(crate) fn well(&mut self, words: &str) -> bool {
        let news = self.since.replace(Instant::now()).is_none();
        if news {
            tracing::info!("{}: {words}", self.what);
        }
        news
    }

    /// A connection that was good is over, and nothing is wrong with it: the next trouble is news again.
    pub(crate) fn forget(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_trouble_is_news_once() {
        let mut last_error = LastError::about("history");
        assert!(last_error.trouble("nobody listens".to_owned()));
        assert!(!last_error.trouble("nobody listens".to_owned()));
        assert!(last_error.trouble("expired".to_owned()));
        assert!(last_error.well("connected"));
        assert!(!last_error.well("connected"));
        assert!(!last_error.trouble("expired".to_owned()));
        last_error.forget();
        assert!(last_error.trouble("expired".to_owned()));
    }
}
