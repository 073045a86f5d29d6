//! The terminal: taken over, and given back as it was, whatever happens in between.

use std::{
    io::{self, Stdout, Write},
    panic,
    sync::{
        Mutex, Once,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, ThreadId},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use crossterm::{
    cursor::Show,
    event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture},
    execute, queue,
    style::{Print, ResetColor},
    terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode},
};
use ratatui::{Terminal, backend::CrosstermBackend, buffer::Buffer, layout::Rect};
use rustix::process::{Signal, getpid, kill_process};

/// Whether the terminal is ours at the moment.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// What a thread of ours said when it broke down; it must not be printed into the screen.
static BROKEN: Mutex<Option<String>> = Mutex::new(None);

/// More than this is no sentence, and terminals have limits too.
const MAX_COPY: usize = 16 << 10;

/// The terminal in our hands. Dropping it gives it back.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    /// The signal that we go on follows our own stop, and needs no answer then.
    resumed: bool,
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn take() -> io::Result<Self> {
        guard_against_panics();
        // The guard first, so that half of it is undone too when the other half fails.
        TAKEN.store(true, Ordering::SeqCst);
        let taken = take().and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout())));
        match taken {
            Ok(terminal) => Ok(Self {
                terminal,
                resumed: false,
            }),
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }

    /// Draws what has changed; `paint` gives where the text cursor stands, if there is one.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn draw(&mut self, paint: impl FnOnce(&mut Buffer) -> Option<(u16, u16)>) -> io::Result<()> {
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
    /// When the terminal is gone.
    pub fn repaint(&mut self) -> io::Result<()> {
        // Not `clear()`, which asks the terminal where its cursor is: the answer comes as input.
        let size = self.terminal.size()?;
        self.terminal.resize(Rect::new(0, 0, size.width, size.height))
    }

    /// Gives the terminal back, stops this process, and takes the terminal again when it goes on.
    ///
    /// # Errors
    /// When the terminal is gone by then.
    pub fn stop(&mut self) -> io::Result<()> {
        give_back();
        // SIGSTOP rather than SIGTSTP, which we listen to and the kernel ignores for orphans.
        kill_process(getpid(), Signal::STOP)?;
        self.resumed = true;
        self.retake()
    }

    /// After this process was stopped and goes on: whoever had the terminal meanwhile may have
    /// changed it.
    ///
    /// # Errors
    /// When the terminal is gone.
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

    /// Hands text to the terminal's clipboard, if it takes any (OSC 52).
    ///
    /// # Errors
    /// When the terminal is gone.
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

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    execute!(
        io::stdout(),
        EnterAlternateScreen,
        EnableMouseCapture,
        EnableBracketedPaste
    )
}

/// Undoes all of it, once. A terminal that is gone does not mind.
fn give_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout();
    let _ = queue!(
        out,
        DisableBracketedPaste,
        DisableMouseCapture,
        ResetColor,
        LeaveAlternateScreen,
        Show
    );
    let _ = out.flush();
    let _ = disable_raw_mode();
}

/// Has panics leave a terminal that can be used, and their words where they can be read.
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
                // The view will notice that the thread is gone, and say why.
                if let Ok(mut broken) = BROKEN.lock() {
                    *broken = Some(info.to_string().replace('\n', " "));
                }
            } else {
                before(info);
            }
        }));
    });
}

/// What a thread of ours said when it broke down.
pub fn broken() -> Option<String> {
    BROKEN.lock().ok()?.take()
}
