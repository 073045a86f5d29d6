//! Takes over the terminal and restores it, whatever happens in between.

use std::{
    io::{self, Stdout, Write},
    panic,
    sync::{
        Mutex, Once, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, ThreadId},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use crossterm::{
    event::{EnableBracketedPaste, EnableMouseCapture},
    execute,
    style::Print,
    terminal::{self, EnterAlternateScreen, disable_raw_mode, enable_raw_mode},
};
use ratatui::{Terminal, TerminalOptions, Viewport, backend::CrosstermBackend, buffer::Buffer, layout::Rect};
use rustix::{
    process::{Signal, getpid, kill_process},
    termios::{OptionalActions, Termios, tcgetattr, tcsetattr},
};

/// Whether we hold the terminal at the moment.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The message of a thread of ours that panicked; it must not be printed onto the screen.
static BROKEN: Mutex<Option<String>> = Mutex::new(None);

/// The terminal's settings before we took it over.
static BEFORE: OnceLock<Termios> = OnceLock::new();

/// Undoes what [`take`] sets up: paste, mouse, colours, the alternate screen, the hidden cursor.
const RESTORE: &str =
    "\x1b[?2004l\x1b[?1006l\x1b[?1015l\x1b[?1003l\x1b[?1002l\x1b[?1000l\x1b[0m\x1b[?1049l\x1b[?25h";

/// Maximum size of the screen. On a terminal that claims to be larger, only this corner is used, since each
/// cell takes memory.
const MOST_COLUMNS: u16 = 1000;
const MOST_ROWS: u16 = 500;

/// Longer texts are no sentences, and terminals have limits too.
const MAX_COPY: usize = 16 << 10;

/// The terminal while we hold it. Dropping this restores it.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    /// The area drawn.
    area: Rect,
    /// SIGCONT follows our own stop, and then needs no handling.
    resumed: bool,
}

impl Screen {
    /// Takes over the terminal.
    ///
    /// # Errors
    /// If it does not respond.
    pub fn take() -> io::Result<Self> {
        guard_against_panics();
        guard_against_aborts();
        // The guard comes first, so that a partial take-over is undone if the rest fails.
        TAKEN.store(true, Ordering::SeqCst);
        let taken = take().and_then(|()| {
            let area = drawn(terminal::size()?);
            let viewport = Viewport::Fixed(area);
            let backend = CrosstermBackend::new(io::stdout());
            let terminal = Terminal::with_options(backend, TerminalOptions { viewport })?;
            Ok(Self {
                terminal,
                area,
                resumed: false,
            })
        });
        match taken {
            Ok(screen) => Ok(screen),
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }

    /// Draws what has changed; `paint` returns the position of the text cursor, if any.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn draw(&mut self, paint: impl FnOnce(&mut Buffer) -> Option<(u16, u16)>) -> io::Result<()> {
        let area = drawn(terminal::size()?);
        if area != self.area {
            self.fit(area)?;
        }
        self.terminal.draw(|frame| {
            if let Some(at) = paint(frame.buffer_mut()) {
                frame.set_cursor_position(at);
            }
        })?;
        Ok(())
    }

    /// Forgets what the terminal is thought to show.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn repaint(&mut self) -> io::Result<()> {
        self.fit(drawn(terminal::size()?))
    }

    /// Sets the size of the terminal's contents, and forgets them.
    fn fit(&mut self, area: Rect) -> io::Result<()> {
        self.area = area;
        // Not `clear()`, which queries the cursor position: the answer would arrive as input.
        self.terminal.resize(area)
    }

    /// Restores the terminal, stops this process, and takes the terminal over again when the process
    /// continues.
    ///
    /// # Errors
    /// If the terminal is gone by then.
    pub fn stop(&mut self) -> io::Result<()> {
        give_back();
        // SIGSTOP rather than SIGTSTP, which we handle and the kernel ignores for orphaned process groups.
        kill_process(getpid(), Signal::STOP)?;
        self.resumed = true;
        self.retake()
    }

    /// Called when this process continues after a stop: other programs may have changed the terminal.
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn go_on(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.resumed) {
            return Ok(());
        }
        give_back();
        self.retake()
    }

    fn retake(&mut self) -> io::Result<()> {
        TAKEN.store(true, Ordering::SeqCst);
        take()?;
        self.repaint()
    }

    /// Copies text to the terminal's clipboard, if it supports that (OSC 52).
    ///
    /// # Errors
    /// If the terminal is gone.
    pub fn copy(&mut self, text: &str) -> io::Result<()> {
        let text: String = text.chars().take(MAX_COPY).collect();
        let encoded = BASE64_STANDARD.encode(text);
        execute!(io::stdout(), Print(format!("\u{1b}]52;c;{encoded}\u{7}")))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// The part of a terminal of this size that is drawn.
fn drawn((columns, rows): (u16, u16)) -> Rect {
    Rect::new(0, 0, columns.min(MOST_COLUMNS), rows.min(MOST_ROWS))
}

fn take() -> io::Result<()> {
    if BEFORE.get().is_none() {
        // Only the first time, since later the terminal has our settings. If it reports none, none are
        // restored.
        let _ = tcgetattr(io::stdout()).map(|before| BEFORE.set(before));
    }
    enable_raw_mode()?;
    execute!(
        io::stdout(),
        EnterAlternateScreen,
        EnableMouseCapture,
        EnableBracketedPaste
    )
}

/// Undoes everything, once. Errors of a terminal that is gone do not matter.
fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout();
    let _ = out.write_all(RESTORE.as_bytes());
    let _ = out.flush();
    let _ = disable_raw_mode();
}

/// Leaves a usable terminal after an abort: when memory or stack run out, nothing else is called.
fn guard_against_aborts() {
    extern "C" fn on_abort(_: libc::c_int) {
        if TAKEN.swap(false, Ordering::SeqCst) {
            let _ = rustix::io::write(rustix::stdio::stdout(), RESTORE.as_bytes());
            if let Some(before) = BEFORE.get() {
                let _ = tcsetattr(rustix::stdio::stdout(), OptionalActions::Now, before);
            }
        }
        // The abort continues when this returns.
    }
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: the handler makes two system calls and reads two atomics, which a signal handler may do; it
        // neither allocates nor takes a lock.
        unsafe { libc::signal(libc::SIGABRT, on_abort as *const () as libc::sighandler_t) };
    });
}

/// Leaves a usable terminal after a panic, with the message readable on it.
fn guard_against_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let ours: ThreadId = thread::current().id();
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if thread::current().id() == ours {
                give_back();
                before(info);
            } else if TAKEN.load(Ordering::SeqCst) {
                // The view will notice that the thread is gone, and report why.
                if let Ok(mut broken) = BROKEN.lock() {
                    *broken = Some(info.to_string().replace('\n', " "));
                }
            } else {
                before(info);
            }
        }));
    });
}

/// The message of a thread of ours that panicked.
pub fn broken() -> Option<String> {
    BROKEN.lock().ok()?.take()
}

#[cfg(test)]
mod tests {
    use crossterm::{
        Command,
        cursor::Show,
        event::{DisableBracketedPaste, DisableMouseCapture},
        style::ResetColor,
        terminal::LeaveAlternateScreen,
    };

    use super::*;

    #[test]
    fn all_that_is_asked_of_the_terminal_is_undone() {
        let mut undone = String::new();
        DisableBracketedPaste.write_ansi(&mut undone).unwrap();
        DisableMouseCapture.write_ansi(&mut undone).unwrap();
        ResetColor.write_ansi(&mut undone).unwrap();
        LeaveAlternateScreen.write_ansi(&mut undone).unwrap();
        Show.write_ansi(&mut undone).unwrap();
        assert_eq!(undone, RESTORE);
    }

    #[test]
    fn no_more_is_drawn_than_any_screen_has() {
        assert_eq!(drawn((80, 24)), Rect::new(0, 0, 80, 24));
        assert_eq!(
            drawn((u16::MAX, u16::MAX)),
            Rect::new(0, 0, MOST_COLUMNS, MOST_ROWS)
        );
        assert_eq!(drawn((0, 3)), Rect::new(0, 0, 0, 3));
    }
}
