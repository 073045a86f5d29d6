//! The program on a pseudo-terminal, and the screen that a user would see.

use std::{
    fs::File,
    io::{Read, Write},
    num::NonZeroU16,
    os::{
        fd::{AsFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::{Child, Command, ExitStatus},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    process::{Pid, Signal, ioctl_tiocsctty, kill_process, setsid},
    pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt},
    termios::{Termios, Winsize, tcgetattr, tcsetwinsize},
};

use crate::{namespace::Namespace, program::binary};

/// The program on its own terminal; killed on drop.
pub struct OnTerminal {
    child: Child,
    master: File,
    /// Kept open so that the terminal's settings can be read after the program has ended.
    slave: OwnedFd,
    seen: Arc<Mutex<Seen>>,
    before: Termios,
}

/// The output so far.
struct Seen {
    parser: vt100::Parser,
    bytes: u64,
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

fn positive(n: u16) -> NonZeroU16 {
    NonZeroU16::new(n).expect("a terminal has columns and rows")
}

impl OnTerminal {
    /// Starts `top` for a namespace on a terminal of this size, given as columns and rows.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn top(namespace: &Namespace, args: &[&str], (columns, rows): (u16, u16)) -> Self {
        let mut command = Command::new(binary());
        command
            .args(["top", "--netns", &namespace.inode.to_string()])
            .args(args);
        Self::start(command, (columns, rows))
    }

    /// Starts a command on a terminal of this size, as session leader. If it sets `TERM`, that is kept.
    ///
    /// # Panics
    /// If it cannot be started.
    pub fn start(mut command: Command, (columns, rows): (u16, u16)) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).expect("a pseudo-terminal");
        grantpt(&master).expect("a pseudo-terminal of our own");
        unlockpt(&master).expect("a pseudo-terminal to open");
        let slave = ioctl_tiocgptpeer(&master, flags).expect("the terminal's other end");
        tcsetwinsize(&master, size(columns, rows)).expect("a size");
        let before = tcgetattr(&slave).expect("the terminal's settings");
        let end = || slave.try_clone().expect("another descriptor");
        command
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .env("LANG", "C.UTF-8")
            .env_remove("LC_ALL")
            .env_remove("LC_CTYPE")
            .env_remove("NO_COLOR");
        if !command.get_envs().any(|(name, _)| name == "TERM") {
            command.env("TERM", "xterm-256color");
        }
        let terminal = end();
        // SAFETY: between fork and exec only two system calls run, and neither allocates.
        unsafe {
            command.pre_exec(move || {
                setsid()?;
                ioctl_tiocsctty(terminal.as_fd())?;
                Ok(())
            });
        }
        let child = command.spawn().expect("the program under test");
        drop(command);
        let seen = Arc::new(Mutex::new(Seen {
            parser: vt100::Parser::new(positive(rows), positive(columns), 0),
            bytes: 0,
        }));
        let master = File::from(master);
        let mut out = master.try_clone().expect("another descriptor");
        let shared = Arc::clone(&seen);
        thread::spawn(move || {
            let mut buffer = [0; 1 << 16];
            // `read` fails once the last descriptor of the other end is closed.
            while let Ok(n @ 1..) = out.read(&mut buffer) {
                let mut seen = shared.lock().expect("no panic while drawing");
                seen.parser.process(&buffer[..n]);
                seen.bytes += n as u64;
            }
        });
        Self {
            child,
            master,
            slave,
            seen,
            before,
        }
    }

    /// Its process ID.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Inspects the screen.
    ///
    /// # Panics
    /// If the thread that follows the output has panicked.
    pub fn look<T>(&self, at: impl FnOnce(&vt100::Screen) -> T) -> T {
        at(self.seen.lock().expect("no panic while drawing").parser.screen())
    }

    /// The screen's contents as text.
    pub fn text(&self) -> String {
        self.look(vt100::Screen::contents)
    }

    /// The screen's contents as lines.
    pub fn lines(&self) -> Vec<String> {
        self.text().lines().map(str::to_owned).collect()
    }

    /// Number of bytes written to the terminal so far.
    ///
    /// # Panics
    /// If the thread that follows the output has panicked.
    pub fn bytes(&self) -> u64 {
        self.seen.lock().expect("no panic while drawing").bytes
    }

    /// Types these keys.
    ///
    /// # Panics
    /// If the terminal cannot be written to.
    pub fn type_in(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).expect("keys typed");
    }

    /// Waits until the screen satisfies `wanted`.
    ///
    /// # Panics
    /// If it does not within a minute.
    pub fn wait(&self, what: &str, wanted: impl Fn(&str) -> bool) {
        self.wait_within(Duration::from_secs(60), what, wanted);
    }

    /// Waits until the screen satisfies `wanted`, up to the given limit.
    ///
    /// # Panics
    /// If it does not in time.
    pub fn wait_within(&self, limit: Duration, what: &str, wanted: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + limit;
        loop {
            let text = self.text();
            if wanted(&text) {
                return;
            }
            assert!(Instant::now() < deadline, "{what} is not on the screen:\n{text}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits until the screen contains this text.
    ///
    /// # Panics
    /// If it does not appear within a minute.
    pub fn wait_for(&self, text: &str) {
        self.wait(text, |screen| screen.contains(text));
    }

    /// Resizes the terminal, as resizing its window would.
    ///
    /// # Panics
    /// If the terminal cannot be resized.
    pub fn resize(&self, columns: u16, rows: u16) {
        let mut seen = self.seen.lock().expect("no panic while drawing");
        seen.parser.set_size(positive(rows), positive(columns));
        tcsetwinsize(&self.master, size(columns, rows)).expect("a size");
    }

    /// Reports another size to the program, whatever the size of the screen.
    ///
    /// # Panics
    /// If the terminal does not allow it.
    pub fn claim(&self, columns: u16, rows: u16) {
        tcsetwinsize(&self.master, size(columns, rows)).expect("a size");
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// If the process has ended.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("a running program");
    }

    /// Waits for the program to end.
    ///
    /// # Panics
    /// If it does not end within half a minute.
    pub fn end(&mut self) -> ExitStatus {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(status) = self.child.try_wait().expect("its end") {
                // The reader thread still has to take its last output.
                thread::sleep(Duration::from_millis(100));
                return status;
            }
            assert!(Instant::now() < deadline, "does not end:\n{}", self.text());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Whether the terminal's settings are the same as before the program started.
    ///
    /// # Panics
    /// If its settings cannot be read.
    pub fn is_as_before(&self) -> bool {
        let now = tcgetattr(&self.slave).expect("the terminal's settings");
        let same = (
            now.input_modes,
            now.output_modes,
            now.control_modes,
            now.local_modes,
        ) == (
            self.before.input_modes,
            self.before.output_modes,
            self.before.control_modes,
            self.before.local_modes,
        );
        let plain = self.look(|screen| {
            !screen.alternate_screen()
                && !screen.hide_cursor()
                && !screen.bracketed_paste()
                && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
                && screen.fgcolor() == vt100::Color::Default
        });
        same && plain
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        // A failed test must not leave the process behind. It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
