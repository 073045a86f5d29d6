//! How the player handles time and commands.

use tempfile::TempDir;

use super::*;
use crate::{
    evidence::{
        load::load,
        testing::{INTERVALS, recorded},
    },
    view::{example::PREFIXES, keeper::Keeper, snapshot::Snapshot},
};

/// A player with a clock that only advances on request. Samples are a second apart.
struct Played {
    _parent: TempDir,
    path: std::path::PathBuf,
    player: Player,
    now: Instant,
    keeper: Keeper,
    shown: Option<Snapshot>,
}

impl Played {
    fn new() -> Self {
        let (parent, path, _) = recorded();
        let now = Instant::now();
        let player = Player::new(Replay::open(&path, None).unwrap(), now);
        let mut played = Self {
            _parent: parent,
            path,
            player,
            now,
            keeper: Keeper::new(PREFIXES, None),
            shown: None,
        };
        played.pass(0);
        played
    }

    fn take(&mut self, news: News) {
        match news {
            News::Batch(batch) => self.shown = Some(self.keeper.add(*batch)),
            News::Playback(playback) => self.shown.as_mut().unwrap().playback = Some(playback),
            News::Nothing => {}
        }
    }

    fn pass(&mut self, ms: u64) {
        self.now += Duration::from_millis(ms);
        let news = self.player.news(self.now).unwrap();
        self.take(news);
    }

    fn tell(&mut self, command: Command) {
        let news = self.player.command(command, self.now).unwrap();
        self.take(news);
    }

    fn shown(&self) -> &Snapshot {
        self.shown.as_ref().unwrap()
    }

    fn playback(&self) -> Playback {
        self.shown().playback.unwrap()
    }

    /// The index of the interval shown; checks that everything shown belongs to it.
    fn at(&self) -> usize {
        let at = self.playback().at;
        let position = self.player.replay.position_at(at);
        assert_eq!(self.shown().taken().utc_ns, at);
        assert_eq!(
            self.shown().course.len(),
            position + 1,
            "the chart has every interval up to here"
        );
        assert!(self.shown().course.is_sorted_by_key(|point| point.at_ns));
        let ended: usize = self.shown().past.values().map(|past| past.len()).sum();
        assert_eq!(ended, (position + 1) * 10, "and the timelines every connection");
        position
    }
}

const LAST: usize = INTERVALS - 1;

#[test]
fn it_plays_by_itself_and_holds_at_the_end() {
    let mut played = Played::new();
    assert_eq!(played.at(), 0);
    assert!(played.playback().playing);
    assert_eq!(played.player.wait(), Duration::from_secs(1));
    played.pass(999);
    assert_eq!(played.at(), 0);
    played.pass(1);
    assert_eq!(played.at(), 1);
    played.pass(60_000);
    assert_eq!(played.at(), LAST);
    assert!(!played.playback().playing && played.playback().is_at_end());
    assert_eq!(played.player.wait(), LONG);
    played.pass(60_000);
    assert_eq!(played.at(), LAST);
    played.tell(Command::PlayOrHold);
    assert_eq!(played.at(), 0);
    assert!(played.playback().playing, "from the start again");
}

#[test]
fn held_it_stands_still_and_steps() {
    let mut played = Played::new();
    played.tell(Command::PlayOrHold);
    assert!(!played.playback().playing);
    played.pass(60_000);
    assert_eq!(played.at(), 0);
    for (by, at) in [
        (1, 1),
        (1, 2),
        (-1, 1),
        (10, LAST),
        (-10, 0),
        (-1, 0),
        (10, LAST),
        (1, LAST),
    ] {
        played.tell(Command::Step(by));
        assert_eq!(played.at(), at, "after {by}");
        assert!(!played.playback().playing);
    }
    played.tell(Command::Step(-2));
    played.tell(Command::PlayOrHold);
    played.pass(1000);
    assert_eq!(played.at(), LAST - 1, "time that was held does not count");
    played.tell(Command::Step(-1));
    assert!(!played.playback().playing, "one step is to look at");
}

#[test]
fn speed_goes_through_steps_and_applies_from_then_on() {
    let mut played = Played::new();
    let mut seen = Vec::new();
    for command in [Command::Faster, Command::Faster, Command::Faster, Command::Slower] {
        played.tell(command);
        seen.push(played.playback().speed);
    }
    assert_eq!(seen, [2.0, 5.0, 10.0, 5.0]);
    played.pass(199);
    assert_eq!(played.at(), 0);
    played.pass(1);
    assert_eq!(played.at(), 1);
    for _ in 0..20 {
        played.tell(Command::Slower);
    }
    assert!((played.playback().speed - 0.1).abs() < 1e-9);
    for _ in 0..20 {
        played.tell(Command::Faster);
    }
    assert!((played.playback().speed - 1000.0).abs() < 1e-9);
    assert_eq!(played.player.wait(), MIN_WAIT);
}

#[test]
fn jumps_lead_to_the_start_the_end_and_the_surge() {
    let mut played = Played::new();
    played.tell(Command::ToEnd);
    assert_eq!(played.at(), LAST);
    assert!(!played.playback().playing);
    let loaded = load(&played.path).unwrap();
    let diagnosis = loaded.judge.again(&loaded.sample, &loaded.options);
    assert_eq!(
        format!("{:?}", played.shown().whole()),
        format!("{diagnosis:?}"),
        "at the end it is what diagnose --from says"
    );
    played.tell(Command::ToStart);
    assert_eq!(played.at(), 0);
    assert_eq!(played.shown().log[0].text, began(&played));
    assert_eq!(played.playback().surge, None);
    played.tell(Command::ToSurge);
    assert_eq!(played.at(), 0, "there is none");
}

fn began(played: &Played) -> String {
    let seeded = played.shown().diagnosis.accounting.totals.seeded;
    let word = if seeded == 1 { "connection" } else { "connections" };
    format!("tracing began with {seeded} {word} open")
}

#[test]
fn the_way_back_forgets_what_comes_later() {
    let mut played = Played::new();
    played.tell(Command::ToEnd);
    played.tell(Command::Step(-2));
    assert_eq!(played.at(), LAST - 2);
    let now = played.shown().taken().utc_ns;
    assert!(played.shown().log.iter().all(|event| event.at.utc_ns <= now));
    assert!(
        !played.shown().log.is_empty(),
        "what happened before that moment is still told"
    );
    assert!(
        played.shown().opens_per_s.is_some(),
        "how fast it went is known from the interval before"
    );
    // Time played when the key is pressed must not count a connection twice.
    played.tell(Command::ToStart);
    played.tell(Command::PlayOrHold);
    played.tell(Command::PlayOrHold);
    played.now += Duration::from_millis(3000);
    played.tell(Command::Step(-1));
    played.at();
}

#[test]
fn without_a_screen_every_interval_comes() {
    let (_parent, path, _) = recorded();
    let mut player = Player::new(Replay::open(&path, None).unwrap(), Instant::now());
    let mut keeper = Keeper::new(PREFIXES, None);
    let mut times = Vec::new();
    while let Some(batch) = player.each().unwrap() {
        times.push(keeper.add(batch).taken().utc_ns);
    }
    assert_eq!(times.len(), INTERVALS);
    assert!(times.is_sorted());
}
