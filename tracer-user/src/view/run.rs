//! The loop that owns the state: keys first, then signals, then news. It carries out all effects on the
//! outside world.

use std::{
    io::{self, Write},
    net::IpAddr,
    sync::Arc,
    thread,
};

use anyhow::{Context, anyhow};
use crossterm::event::Event;
use rustix::process::{Signal, kill_current_process_group};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{
    answer,
    app::{App, Effect, Live, Look},
    export::{Export, Written},
    feed::{Feeding, Kept, Request},
    input,
    keeper::Keeper,
    names, panes,
    signals::{Asked, Signals},
    terminal::{self, Screen},
};
use crate::{exit::Failure, model::sample::Moment, stop::event_loop};

/// Messages from threads that work for the view.
#[derive(Debug)]
enum Note {
    Name(IpAddr, Option<String>),
    Kept(For, Box<Kept>),
    Done(String),
}

/// The purpose of collecting everything known at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum For {
    /// To be written.
    Export,
    /// To be shown during the pause with this number.
    Pause(u64),
}

/// What is kept of the moment at which the screen is frozen.
#[derive(Debug)]
enum Held {
    /// The screen is not frozen.
    Nothing,
    /// Requested; once it arrives, it may have to be written.
    Wanted { export: bool },
    /// Everything known at that moment.
    All(Arc<Kept>),
}

/// Whether the loop continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    GoOn,
    End,
}

/// The running view.
struct View {
    app: App,
    screen: Screen,
    export: Arc<dyn Export>,
    commands: std::sync::mpsc::Sender<Request>,
    notes: UnboundedSender<Note>,
    held: Held,
    pauses: u64,
}

/// Shows a feed on the terminal until the user quits. `live` is `None` for a recording.
///
/// # Errors
/// If the feed or the terminal fails.
pub fn run(
    look: Look,
    live: Option<Live>,
    feeding: Feeding,
    export: Arc<dyn Export>,
    begun: Moment,
) -> Result<(), Failure> {
    let runtime = event_loop()?;
    runtime.block_on(show(look, live, feeding, export, begun))
}

async fn show(
    look: Look,
    live: Option<Live>,
    mut feeding: Feeding,
    export: Arc<dyn Export>,
    begun: Moment,
) -> Result<(), Failure> {
    let mut signals = Signals::listen().context("cannot listen for signals")?;
    // A failure to start is reported on the normal screen, without flicker.
    let first = tokio::select! {
        biased;
        Asked::End = signals.next() => return Ok(()),
        end = &mut feeding.end => return ended(end.ok()),
        changed = feeding.snapshots.changed() => match changed {
            Ok(()) => feeding.snapshots.borrow_and_update().clone(),
            Err(_) => return ended((&mut feeding.end).await.ok()),
        },
    };
    let first = first.unwrap_or_else(|| Arc::new(Keeper::nothing(begun)));
    let (send, mut notes) = unbounded_channel();
    let mut view = View {
        app: App::new(look, first),
        screen: Screen::take().context("cannot use the terminal")?,
        export,
        commands: feeding.commands.clone(),
        notes: send.clone(),
        held: Held::Nothing,
        pauses: 0,
    };
    view.app.live = live;
    view.app.names.ask_at(names::start(move |address, name| {
        send.send(Note::Name(address, name)).is_ok()
    }));
    let mut input = input::start().context("cannot read keys")?;
    let result = view
        .serve(&mut signals, &mut feeding, &mut input, &mut notes)
        .await;
    // Restores the terminal before anything is printed.
    let View { app, screen, .. } = view;
    drop(screen);
    // The terminal may be gone.
    let _ = io::stdout().write_all(answer::last(app.latest(), &app.look.glyphs).as_bytes());
    result
}

impl View {
    async fn serve(
        &mut self,
        signals: &mut Signals,
        feeding: &mut Feeding,
        input: &mut UnboundedReceiver<Event>,
        notes: &mut UnboundedReceiver<Note>,
    ) -> Result<(), Failure> {
        let mut feeds = true;
        self.draw()?;
        loop {
            let next = tokio::select! {
                biased;
                event = input.recv() => match event {
                    Some(event) => self.input(event, input)?,
                    // The terminal is gone.
                    None => Next::End,
                },
                asked = signals.next() => self.asked(asked)?,
                Some(note) = notes.recv() => self.note(note),
                Ok(()) = feeding.snapshots.changed(), if feeds => {
                    if let Some(snapshot) = feeding.snapshots.borrow_and_update().clone() {
                        self.app.update(snapshot);
                    }
                    Next::GoOn
                },
                end = &mut feeding.end, if feeds => {
                    feeds = false;
                    ended(end.ok())?;
                    self.app.message = Some("the end; q quits".to_owned());
                    Next::GoOn
                },
            };
            if next == Next::End {
                return Ok(());
            }
            self.draw()?;
        }
    }

    fn draw(&mut self) -> io::Result<()> {
        let app = &mut self.app;
        self.screen.draw(|buffer| panes::draw(app, buffer))?;
        self.app.want_names();
        Ok(())
    }

    /// Handles everything typed in the meantime, so that a held key does not lag.
    fn input(&mut self, first: Event, input: &mut UnboundedReceiver<Event>) -> Result<Next, Failure> {
        let mut event = Some(first);
        while let Some(this) = event {
            let effect = match this {
                Event::Key(key) => self.app.key(key),
                Event::Mouse(mouse) => {
                    self.app.mouse(mouse);
                    None
                }
                Event::Paste(text) => {
                    self.app.paste(&text);
                    None
                }
                Event::Resize(..) | Event::FocusGained | Event::FocusLost => None,
            };
            if let Some(effect) = effect
                && self.apply(effect)? == Next::End
            {
                return Ok(Next::End);
            }
            event = input.try_recv().ok();
        }
        Ok(Next::GoOn)
    }

    /// The only place where the view affects the outside world.
    fn apply(&mut self, effect: Effect) -> Result<Next, Failure> {
        match effect {
            Effect::Quit => return Ok(Next::End),
            // The whole job, as the terminal would; the signal also reaches this process.
            Effect::Suspend => kill_current_process_group(Signal::TSTP).map_err(io::Error::from)?,
            Effect::Repaint => self.screen.repaint()?,
            Effect::Copy(text) => {
                self.screen.copy(&text)?;
                self.app.message = Some(format!("copied, if the terminal allows it: {text}"));
            }
            Effect::Export => self.export(),
            Effect::SaveColumns(columns) => {
                self.app.message = Some(match self.export.save_columns(&columns) {
                    Ok(path) => format!("saved in {}", path.display()),
                    Err(reason) => reason,
                });
            }
            Effect::Hold => {
                self.pauses += 1;
                // Nothing more can be collected after sampling has ended.
                if self.ask(For::Pause(self.pauses)) {
                    self.held = Held::Wanted { export: false };
                }
            }
            Effect::GoOn => self.held = Held::Nothing,
            Effect::BeginAnew => {
                let asked = self.commands.send(Request::BeginAnew);
                self.app.message = Some(match asked {
                    Ok(()) => "judging only what happens from now on".to_owned(),
                    Err(_) => "no effect: sampling has ended".to_owned(),
                });
            }
            // The header and the message show what was requested. There is no receiver if the feed has ended.
            Effect::Interval(interval) => drop(self.commands.send(Request::Interval(interval))),
            Effect::Play(command) => drop(self.commands.send(Request::Play(command))),
        }
        Ok(Next::GoOn)
    }

    /// Requests everything known at this moment from the feed.
    fn ask(&self, what: For) -> bool {
        let notes = self.notes.clone();
        // There is no receiver if the view has ended first.
        let keep = move |kept| drop(notes.send(Note::Kept(what, Box::new(kept))));
        self.commands.send(Request::Keep(Box::new(keep))).is_ok()
    }

    /// Writes what is shown; while the screen is frozen, that is what is kept of its moment.
    fn export(&mut self) {
        let asked = match &mut self.held {
            Held::Nothing => self.ask(For::Export),
            Held::Wanted { export } => {
                *export = true;
                true
            }
            Held::All(kept) => {
                let kept = Arc::clone(kept);
                self.write(kept);
                true
            }
        };
        self.app.message = Some(match asked {
            true => "writing".to_owned(),
            false => "nothing more can be written: sampling has ended".to_owned(),
        });
    }

    /// Writes in a separate thread.
    fn write(&self, kept: Arc<Kept>) {
        let (export, notes) = (Arc::clone(&self.export), self.notes.clone());
        let done = notes.clone();
        let work = move || {
            let said = match export.export(&kept) {
                Ok(Written { path, but: None }) => format!("written to {}", path.display()),
                Ok(Written { path, but: Some(but) }) => {
                    format!("written to {} ({but})", path.display())
                }
                Err(reason) => reason,
            };
            // There is no receiver if the view has ended first.
            let _ = done.send(Note::Done(said));
        };
        let started = thread::Builder::new().name("export".to_owned()).spawn(work);
        if let Err(error) = started {
            let _ = notes.send(Note::Done(format!("cannot write: {error}")));
        }
    }

    fn kept(&mut self, what: For, kept: Arc<Kept>) {
        match (what, &self.held) {
            (For::Export, _) => self.write(kept),
            (For::Pause(number), Held::Wanted { export }) if number == self.pauses => {
                if *export {
                    self.write(Arc::clone(&kept));
                }
                self.app.hold(Arc::clone(&kept.snapshot));
                self.held = Held::All(kept);
            }
            // From a pause that is over.
            (For::Pause(_), _) => {}
        }
    }

    fn note(&mut self, note: Note) -> Next {
        match note {
            Note::Name(address, name) => self.app.learn_name(address, name.as_deref()),
            Note::Kept(what, kept) => self.kept(what, Arc::from(kept)),
            Note::Done(said) => self.app.message = Some(said),
        }
        Next::GoOn
    }

    fn asked(&mut self, asked: Asked) -> Result<Next, Failure> {
        match asked {
            Asked::End => return Ok(Next::End),
            Asked::Stop => self.screen.stop()?,
            Asked::GoOn => self.screen.go_on()?,
        }
        Ok(Next::GoOn)
    }
}

/// How the feed ended; `None` means that its thread panicked.
pub(super) fn ended(end: Option<Result<(), Failure>>) -> Result<(), Failure> {
    end.unwrap_or_else(|| {
        let why = terminal::broken().unwrap_or_else(|| "no reason was given".to_owned());
        Err(Failure::Other(anyhow!(
            "a fault in tcpreuse: sampling stopped unexpectedly ({why}); please report it"
        )))
    })
}
