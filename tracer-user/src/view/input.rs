//! Keys and mouse, read by a thread of their own.

use std::{io, thread};

use crossterm::event::{self, Event, KeyEventKind};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Starts to read. The thread ends with the process, or with the terminal.
///
/// # Errors
/// When there is no thread to be had.
pub fn start() -> io::Result<UnboundedReceiver<Event>> {
    let (send, events) = unbounded_channel();
    let read = move || {
        while let Ok(event) = event::read() {
            // Terminals that report releases would have everything happen twice.
            let released = matches!(&event, Event::Key(key) if key.kind == KeyEventKind::Release);
            if !released && send.send(event).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("input".to_owned()).spawn(read)?;
    Ok(events)
}
