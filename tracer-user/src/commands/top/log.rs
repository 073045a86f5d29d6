//! While the view has the screen, messages go to its log instead of stderr.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

/// Maximum number of bytes kept between reads.
const MAX_BYTES: usize = 64 << 10;

/// Messages not yet taken.
#[derive(Clone, Debug, Default)]
pub(super) struct Messages(Arc<Mutex<Vec<u8>>>);

impl Messages {
    /// The complete lines since the last call.
    pub(super) fn take(&self) -> Vec<String> {
        let Ok(mut said) = self.0.lock() else {
            return Vec::new();
        };
        let whole = said
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        let lines: Vec<u8> = said.drain(..whole).collect();
        let text = String::from_utf8_lossy(&lines);
        text.lines().map(str::to_owned).collect()
    }
}

impl Write for Messages {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Ok(mut said) = self.0.lock() {
            let room = MAX_BYTES.saturating_sub(said.len());
            said.extend(bytes.iter().take(room));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Collects all messages from now on.
pub(super) fn collect(verbose: bool) -> Messages {
    let messages = Messages::default();
    let target = env_logger::Target::Pipe(Box::new(messages.clone()));
    crate::commands::log_to(verbose, target);
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_whole_and_once_and_are_bounded() {
        let mut messages = Messages::default();
        messages.write_all(b"one\ntw").unwrap();
        assert_eq!(messages.take(), ["one"]);
        messages.write_all(b"o\n").unwrap();
        assert_eq!(messages.take(), ["two"]);
        messages.write_all(&[b'x'; 3 * MAX_BYTES]).unwrap();
        assert!(messages.0.lock().unwrap().len() <= MAX_BYTES);
    }
}
