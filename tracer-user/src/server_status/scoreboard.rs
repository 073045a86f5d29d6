//! The scoreboard: one letter for each possible worker.

/// The number of slots in each state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scoreboard {
    /// `_`: waiting for a connection.
    pub waiting: u32,
    /// `S`: starting up.
    pub starting: u32,
    /// `R`: reading a request.
    pub reading: u32,
    /// `W`: sending a reply, which includes holding a poll.
    pub sending: u32,
    /// `K`: keeping an idle connection. The event MPM does that without a worker.
    pub keepalive: u32,
    /// `D`: looking up a name.
    pub dns: u32,
    /// `C`: closing a connection.
    pub closing: u32,
    /// `L`: writing a log.
    pub logging: u32,
    /// `G`: finishing its current work before it exits.
    pub graceful: u32,
    /// `I`: exiting because too many are idle.
    pub idle_cleanup: u32,
    /// `.`: no worker, but Apache can start one.
    pub open: u32,
    /// Characters that Apache 2 does not print. They are not slots; the page was truncated or edited.
    pub unknown: u32,
}

impl Scoreboard {
    /// Counts the letters. Blanks are not slots: early versions of 2.3 print them for slots that
    /// MaxRequestWorkers forbids.
    pub(super) fn read(letters: &str) -> Self {
        let mut counts = Self::default();
        for letter in letters.chars().filter(|c| !c.is_whitespace()) {
            let count = counts.of(letter);
            *count = count.saturating_add(1);
        }
        counts
    }

    fn of(&mut self, letter: char) -> &mut u32 {
        match letter {
            '_' => &mut self.waiting,
            'S' => &mut self.starting,
            'R' => &mut self.reading,
            'W' => &mut self.sending,
            'K' => &mut self.keepalive,
            'D' => &mut self.dns,
            'C' => &mut self.closing,
            'L' => &mut self.logging,
            'G' => &mut self.graceful,
            'I' => &mut self.idle_cleanup,
            '.' => &mut self.open,
            _ => &mut self.unknown,
        }
    }

    /// Slots with a worker that is not waiting: the most that can be busy.
    pub fn occupied(&self) -> u32 {
        [
            self.starting,
            self.reading,
            self.sending,
            self.keepalive,
            self.dns,
            self.closing,
            self.logging,
            self.graceful,
            self.idle_cleanup,
        ]
        .into_iter()
        .fold(0, u32::saturating_add)
    }

    /// All slots, including open ones.
    pub fn slots(&self) -> u32 {
        self.occupied()
            .saturating_add(self.waiting)
            .saturating_add(self.open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_letter_has_its_count() {
        let all = Scoreboard {
            waiting: 1,
            starting: 1,
            reading: 1,
            sending: 1,
            keepalive: 1,
            dns: 1,
            closing: 1,
            logging: 1,
            graceful: 1,
            idle_cleanup: 1,
            open: 1,
            unknown: 2,
        };
        let read = Scoreboard::read("_SRWKDCLGI.?\u{fffd} \t");
        assert_eq!(read, all);
        assert_eq!((read.slots(), read.occupied()), (11, 9));
    }

    /// As posted by users, with a part left out.
    #[test]
    fn what_is_no_letter_is_no_slot() {
        let read = Scoreboard::read("W_**cut**__.");
        assert_eq!((read.slots(), read.unknown), (5, 7));
    }

    #[test]
    fn no_letters_are_no_slots() {
        assert_eq!(Scoreboard::read("  \r").slots(), 0);
    }
}
