//! Keys and mouse events, read by their own thread.

use std::{io, thread};

use crossterm::event::{self, Event, KeyEventKind};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Starts reading. The thread ends with the process or when the terminal is gone.
///
/// # Errors
/// If the thread cannot be started.
pub fn start() -> io::Result<UnboundedReceiver<Event>> {
    let (send, events) = unbounded_channel();
    let read = move || {
        while let Ok(event) = event::read() {
            // On terminals that report releases, every key would otherwise count twice.
            let released = matches!(&event, Event::Key(key) if key.kind == KeyEventKind::Release);
            if !released && send.send(event).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("input".to_owned()).spawn(read)?;
    Ok(events)
}
