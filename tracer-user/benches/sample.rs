//! What becomes of a sample, step by step: decoding, model, diagnosis, snapshot, frame. With made-up peers
//! and no kernel: `cargo xtask bench` has the whole.

use std::{hint::black_box, sync::Arc};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ratatui::{buffer::Buffer, layout::Rect};
use tcpreuse::testing::{
    diagnosis::{Options, diagnose},
    kernel::decoding,
    model::{accounting::Totals, history::History},
    view::{
        app::{App, Look, Sort, default_columns},
        keeper::{Batch, Keeper, Prefixes},
        keys::Action,
        panes::draw,
        theme::{Glyphs, Theme},
    },
};

mod crowd;

const PEERS: u32 = 10_000;

fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(1));
    let slot = vec![1; decoding::SLOT];
    group.bench_function("counters of a peer", |b| {
        b.iter(|| decoding::counters(black_box(&slot)));
    });
    let socket = decoding::a_socket();
    group.bench_function("a live socket", |b| {
        b.iter(|| decoding::is_socket(black_box(&socket)));
    });
    group.finish();
}

fn model(c: &mut Criterion) {
    let sample = crowd::sample(PEERS);
    c.bench_function("model: 10,000 peers into the history", |b| {
        b.iter_batched_ref(
            History::new,
            |history| history.add(black_box(&sample)),
            BatchSize::SmallInput,
        );
    });
    c.bench_function("model: totals of 10,000 peers", |b| {
        b.iter(|| {
            let mut totals = Totals::default();
            for peer in black_box(&sample.peers) {
                totals.add(&peer.counters);
            }
            totals
        });
    });
}

fn diagnosis(c: &mut Criterion) {
    let mut group = c.benchmark_group("diagnosis");
    group.sample_size(20);
    for peers in [1000, PEERS] {
        let sample = crowd::sample(peers);
        let history = History::of(&sample);
        group.throughput(Throughput::Elements(peers.into()));
        group.bench_function(format!("{peers} peers"), |b| {
            b.iter(|| diagnose(black_box(&sample), &history, &Options::default()));
        });
    }
    group.finish();
}

fn view(c: &mut Criterion) {
    let mut group = c.benchmark_group("view of 10,000 peers");
    group.sample_size(20);
    let batch = || Batch {
        sample: crowd::sample(PEERS),
        ended: Vec::new(),
        options: Options::default(),
        notes: Vec::new(),
        replayed: None,
    };
    let mut keeper = Keeper::new(Prefixes { v4: 32, v6: 128 }, None);
    group.bench_function("sample to snapshot", |b| {
        b.iter_batched(batch, |batch| keeper.add(batch), BatchSize::LargeInput);
    });
    let look = Look {
        columns: default_columns(),
        sort: Sort::default(),
        theme: Theme { color: true },
        glyphs: Glyphs::UNICODE,
        host: "web1".to_owned(),
        filters: "port 8081 inbound".to_owned(),
    };
    let mut app = App::new(look, Arc::new(keeper.add(batch())));
    let mut buffer = Buffer::empty(Rect::new(0, 0, 200, 50));
    group.bench_function("frame of 200x50", |b| b.iter(|| draw(&mut app, &mut buffer)));
    group.bench_function("key that sorts, with its frame", |b| {
        b.iter(|| {
            app.act(Action::NextSort);
            draw(&mut app, &mut buffer)
        });
    });
    group.finish();
}

criterion_group!(benches, decode, model, diagnosis, view);
criterion_main!(benches);
