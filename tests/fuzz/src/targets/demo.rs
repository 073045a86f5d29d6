//! The demo's HTTP code, client and server.

use tcpreuse::testing::demo::fuzzing::{reply, request};
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().build().expect("an event loop");
}

pub(super) fn run(input: &[u8]) {
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let _ = reply(input).await;
            let Some((sent, answer)) = request(input).await else {
                return;
            };
            let again = request(sent.as_bytes()).await;
            assert_eq!(again, Some((sent, answer.clone())));
            assert!(reply(answer.as_bytes()).await, "{answer}");
        });
    });
}
