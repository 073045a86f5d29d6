//! How long the view takes with ten thousand peers. `cargo test --release -p tcpreuse --lib -- speed
//! --nocapture` prints it; the limits here are loose, since tests also run without optimisation.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use super::*;
use crate::{
    diagnosis::{Options, diagnose},
    model::{history::History, peer::PeerId, sample::Peer},
    view::{
        app::tests::look,
        columns::Column,
        example,
        keeper::{Batch, Keeper},
        keys::Action,
    },
};

const PEERS: u32 = 10_000;

/// The example's peers, repeated with other addresses.
fn many(second: u32) -> Batch {
    let mut batch = example::batch(second);
    let sample = &mut batch.sample;
    let (peers, connections) = (sample.peers.clone(), sample.sockets.connections.clone());
    sample.peers.clear();
    sample.sockets.connections.clear();
    for n in 0..PEERS {
        let model = &peers[n as usize % peers.len()];
        let address = Ipv4Addr::from(0x0a00_0000 + n);
        let slot = n + 1;
        let id = PeerId {
            network: std::net::IpAddr::from(address).into(),
            ..model.id
        };
        let counters = model.counters.clone();
        sample.peers.push(Peer { id, slot, counters });
        let theirs = connections.iter().filter(|one| one.slot == Some(model.slot));
        sample.sockets.connections.extend(theirs.map(|one| {
            let mut one = one.clone();
            one.slot = Some(slot);
            one.remote.0 = address.into();
            one
        }));
    }
    batch
}

/// CPU time of this thread, so that other work on the machine does not count.
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

fn took<T>(what: &str, limit: Duration, times: u32, mut work: impl FnMut() -> T) -> T {
    let mut result = work();
    let begun = cpu_time();
    for _ in 1..times {
        result = work();
    }
    let each = cpu_time().saturating_sub(begun) / (times - 1).max(1);
    #[expect(clippy::print_stdout, reason = "a measurement")]
    {
        println!("{what}: {each:?}");
    }
    assert!(each < limit, "{what}: {each:?}");
    result
}

#[test]
fn with_ten_thousand_peers() {
    let limit = Duration::from_secs(5);
    let sample = many(90).sample;
    let history = History::of(&sample);
    took("diagnosis alone", limit, 4, || {
        diagnose(&sample, &history, &Options::default())
    });
    let mut keeper = Keeper::new(example::PREFIXES, None);
    keeper.add(many(89));
    let mut batches: Vec<Batch> = (90..94).map(many).collect();
    let snapshot = took("sample to snapshot (in its own thread)", limit, 4, || {
        keeper.add(batches.remove(0))
    });
    let connections = snapshot.sockets.len();
    let snapshot = Arc::new(snapshot);
    let mut app = App::new(look(), Arc::clone(&snapshot));
    assert_eq!(app.peer_count(), PEERS as usize);
    let mut buffer = Buffer::empty(Rect::new(0, 0, 200, 50));
    took("frame of 200x50, peers", limit, 50, || {
        draw(&mut app, &mut buffer)
    });
    took("key that moves, with its frame", limit, 50, || {
        app.act(Action::Down);
        draw(&mut app, &mut buffer)
    });
    took("key that sorts, with its frame", limit, 20, || {
        app.act(Action::NextSort);
        draw(&mut app, &mut buffer)
    });
    took("letter of a filter, with its frame", limit, 20, || {
        app.set_filter("v:piling 10.0.3");
        draw(&mut app, &mut buffer)
    });
    app.set_filter("");
    took("new snapshot, with its frame", limit, 20, || {
        app.update(Arc::clone(&snapshot));
        draw(&mut app, &mut buffer)
    });
    app.act(Action::Group);
    took("new snapshot, grouped, with its frame", limit, 20, || {
        app.update(Arc::clone(&snapshot));
        draw(&mut app, &mut buffer)
    });
    app.act(Action::Group);
    app.sort_by(Column::Open);
    app.act(Action::Enter);
    took("frame of a detail", limit, 20, || draw(&mut app, &mut buffer));
    app.act(Action::Tab(3));
    took(
        &format!("new snapshot, {connections} connections, with its frame"),
        limit,
        20,
        || {
            app.update(Arc::clone(&snapshot));
            draw(&mut app, &mut buffer)
        },
    );
}
