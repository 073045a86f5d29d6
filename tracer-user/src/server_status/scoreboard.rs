//! The scoreboard: one letter for each slot a worker can have.

/// How many slots are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scoreboard {
    /// `_`: waits for a connection.
    pub waiting: u32,
    /// `S`: starts up.
    pub starting: u32,
    /// `R`: reads a request.
    pub reading: u32,
    /// `W`: sends a reply, which includes a poll that is being held.
    pub sending: u32,
    /// `K`: keeps an idle connection. The event MPM does that without a worker.
    pub keepalive: u32,
    /// `D`: looks up a name.
    pub dns: u32,
    /// `C`: closes a connection.
    pub closing: u32,
    /// `L`: writes a log.
    pub logging: u32,
    /// `G`: finishes what it has and then ends.
    pub graceful: u32,
    /// `I`: ends because too many are idle.
    pub idle_cleanup: u32,
    /// `.`: a slot without a worker, which Apache can fill.
    pub open: u32,
    /// Characters Apache 2 does not print, which are no slots: somebody cut or edited the page.
    pub unknown: u32,
}

impl Scoreboard {
    /// Counts the letters. Blanks are no slots: early versions of 2.3 print them for slots that
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

    /// Slots whose worker is there and does not wait: the most that can be busy.
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

    /// All slots, open ones included.
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

    /// As people post it, with a part left out.
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
