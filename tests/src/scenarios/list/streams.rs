//! Long-lived streams, each started by a single request. One request per connection is normal here.

use super::*;

pub(super) fn all() -> Vec<Scenario> {
    vec![alone(), beside(), behind_nat(), one_after_another()]
}

const fn stream(streams: u16, apart: u64, kind: Stream) -> Behaviour {
    Behaviour::Stream {
        streams,
        apart: ms(apart),
        kind,
        every: ms(700),
        pause: ms(500),
    }
}

fn streaming(name: &'static str, seconds: u64, groups: Vec<Group>) -> Scenario {
    Scenario {
        server: Server::Own(Manner::default()),
        ..scenario(name, Knobs::default(), seconds, groups)
    }
}

fn alone() -> Scenario {
    let events = stream(1, 0, Stream::Events);
    streaming("stream-alone", 8, vec![group("events", 1, events, &["reusing"])])
}

fn beside() -> Scenario {
    let groups = vec![
        group("events", 4, stream(1, 0, Stream::Events), &["reusing"]),
        group("WebSocket", 4, stream(1, 0, Stream::WebSocket), &["reusing"]),
        innocents(4),
    ];
    streaming("streams", 9, groups)
}

const SHARED: &[&str] = &["reusing", "many-held"];

/// Many users behind one address, who arrived one after another before tracing began.
fn behind_nat() -> Scenario {
    let groups = vec![
        group("events", 1, stream(5, 2_300, Stream::Events), SHARED),
        group("WebSocket", 1, stream(5, 2_300, Stream::WebSocket), SHARED),
        group("one each", 8, stream(1, 0, Stream::Events), &["reusing"]),
    ];
    Scenario {
        warm_up: ms(11_500),
        ..streaming("streams-shared", 9, groups)
    }
}

/// The same address without other clients, during tracing: a few users who each open a page.
fn one_after_another() -> Scenario {
    let groups = vec![group("WebSocket", 1, stream(5, 2_300, Stream::WebSocket), SHARED)];
    streaming("streams-arriving", 22, groups)
}
