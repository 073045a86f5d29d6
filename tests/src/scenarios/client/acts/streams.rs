//! Long-lived streams, each started by a single request.

use std::time::Duration;

use tokio::{task::JoinSet, time::timeout_at};

use super::{super::FOREVER, Client};
use crate::scenarios::{behaviour::Stream, connection::Connection};

impl Client {
    pub(in super::super) async fn streams(
        &mut self,
        streams: u16,
        apart: Duration,
        kind: Stream,
        every: Duration,
        pause: Duration,
    ) {
        let mut all = JoinSet::new();
        for n in 0..streams {
            if n > 0 {
                self.pause(apart).await;
            }
            all.spawn(self.beside().stream(kind, every, pause));
        }
        self.together(all).await;
    }

    async fn stream(mut self, kind: Stream, every: Duration, pause: Duration) -> Option<Connection> {
        while !self.is_over() {
            if let Some(mut connection) = self.open().await {
                let until = self.at_most(tokio::time::Instant::now() + FOREVER);
                let streamed = async {
                    match kind {
                        Stream::Events => connection.listen(every).await,
                        Stream::WebSocket => connection.talk(every).await,
                    }
                };
                if timeout_at(until, streamed)
                    .await
                    .is_ok_and(|ended| ended.is_err())
                {
                    let _: Option<()> = self.failed().await;
                }
            }
            self.pause(pause).await;
        }
        None
    }
}
