//! What was said: six seconds on the screen, then in a list.

use crate::ui::pane::{Level, Now};
use std::time::Duration;

/// How long a message stays on the screen.
pub const SHOWN: Duration = Duration::from_secs(6);
/// Messages that are kept.
const KEPT: usize = 500;

/// Something said.
#[derive(Clone, Debug)]
pub struct Message {
    /// How serious.
    pub level: Level,
    /// What.
    pub text: String,
    /// When it was said.
    pub at: Now,
    /// How often in a row.
    pub times: u32,
}

/// All that was said, newest last.
#[derive(Debug, Default)]
pub struct Messages {
    all: Vec<Message>,
    /// Messages before this one were waved away.
    seen: usize,
}

impl Messages {
    /// Says something; saying the same again counts instead of filling the screen.
    pub fn say(&mut self, level: Level, text: String, now: Now) {
        match self.all.last_mut() {
            Some(last) if last.text == text && last.level == level => {
                last.times += 1;
                last.at = now;
                self.seen = self.seen.min(self.all.len() - 1);
            }
            _ => self.all.push(Message { level, text, at: now, times: 1 }),
        }
        if self.all.len() > KEPT {
            self.all.remove(0);
            self.seen = self.seen.saturating_sub(1);
        }
    }

    /// What stands on the screen now, newest last.
    pub fn shown(&self, now: Now) -> impl Iterator<Item = &Message> {
        self.all[self.seen..].iter().filter(move |m| now.uptime.saturating_sub(m.at.uptime) < SHOWN)
    }

    /// When the next one leaves the screen.
    pub fn next_end(&self, now: Now) -> Option<Duration> {
        self.shown(now).map(|m| (m.at.uptime + SHOWN).saturating_sub(now.uptime)).min()
    }

    /// Waves away what is on the screen; whether there was anything.
    pub fn dismiss(&mut self, now: Now) -> bool {
        let any = self.shown(now).next().is_some();
        self.seen = self.all.len();
        any
    }

    /// Everything, newest last.
    pub fn all(&self) -> &[Message] {
        &self.all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_leaves_the_screen_and_stays_in_the_list() {
        let mut m = Messages::default();
        m.say(Level::Ok, "done".into(), Now::at(1));
        assert_eq!(m.shown(Now::at(6)).count(), 1);
        assert_eq!(m.next_end(Now::at(2)), Some(Duration::from_secs(5)));
        assert_eq!(m.shown(Now::at(7)).count(), 0);
        assert_eq!((m.next_end(Now::at(7)), m.all().len()), (None, 1));
    }

    #[test]
    fn the_same_again_is_counted() {
        let mut m = Messages::default();
        for s in 0..3 {
            m.say(Level::Warn, "lost".into(), Now::at(s));
        }
        assert_eq!((m.all().len(), m.all()[0].times), (1, 3));
        assert!(m.dismiss(Now::at(3)));
        assert_eq!(m.shown(Now::at(3)).count(), 0);
        m.say(Level::Warn, "lost".into(), Now::at(4));
        assert_eq!(m.shown(Now::at(4)).count(), 1, "said again, it is shown again");
    }

    #[test]
    fn the_list_does_not_grow_for_ever() {
        let mut m = Messages::default();
        for i in 0..KEPT + 20 {
            m.say(Level::Info, format!("{i}"), Now::at(0));
        }
        assert_eq!(m.all().len(), KEPT);
    }
}
