//! Named points of the engine at which a test can have it fail, panic, be killed or stall.
//!
//! They exist where debug assertions do: in a release build `reach!` is nothing at all, and this is not there. What is armed belongs to the
//! task that asked for it ([`Failpoints::scope`]) and to the engine started there, so engines beside it go on.

use crate::postgres::{Fault, Kind};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// All points, in the order in which a cycle passes them.
pub const POINTS: &[&str] = &[
    "lock.wanted",
    "lock.taken",
    "sessions.open",
    "unclaim.before",
    "unclaim.after",
    "claim.before",
    "claim.after",
    "nonce.read",
    "send.before",
    "apply.before",
    "apply.after",
    "apply.committed",
    "settle.before",
    "settle.after",
    "cursor.read",
    "look.before",
    "look.after",
    "copy.before",
    "copy.after",
    "staged",
    "load.begun",
    "load.read",
    "load.taken",
    "load.end",
    "take.begin",
    "take.insert",
    "take.lock",
    "take.edited",
    "take.change",
    "take.delete",
    "cursor.before",
    "cursor.after",
    "take.committed",
    "acknowledge.before",
    "acknowledge.after",
    "prune.before",
    "prune.after",
    "record.before",
    "record.after",
];

/// What happens at an armed point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The step returns a fault.
    Error,
    /// The task panics.
    Panic,
    /// The process is killed, as by `kill -9`.
    Kill,
    /// The step takes this much longer.
    Stall(Duration),
}

#[derive(Default)]
struct State {
    armed: Vec<(&'static str, Action, u32)>,
    reached: BTreeSet<&'static str>,
}

/// What is armed for one task, and what it has passed. Clones share it.
#[derive(Clone, Default)]
pub struct Failpoints(Arc<Mutex<State>>);

tokio::task_local! {
    static ACTIVE: Failpoints;
}

impl Failpoints {
    /// Has the `count`th passing of a point act, once; other points stay armed.
    pub fn arm(&self, name: &str, action: Action, count: u32) -> Result<(), Fault> {
        let name = *POINTS.iter().find(|p| **p == name).ok_or_else(|| {
            Fault::new(Kind::Settings, format!("there is no failpoint `{name}`")).remedy(POINTS.join(", "))
        })?;
        let mut state = self.state();
        state.armed.push((name, action, count.max(1)));
        Ok(())
    }
    /// Reads `name:action[:count]`, several with commas; actions are `error`, `panic`, `kill`, `stall` (5 s) and `stall=MILLISECONDS`.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let points = Self::default();
        text.split(',').try_for_each(|one| points.read(one))?;
        Ok(points)
    }
    fn read(&self, text: &str) -> Result<(), Fault> {
        let wrong = || {
            Fault::new(Kind::Settings, format!("not a failpoint: `{text}`"))
                .remedy("name:action[:count], the action error, panic, kill, stall or stall=MILLISECONDS")
        };
        let mut parts = text.split(':');
        let (name, action) = (parts.next().ok_or_else(wrong)?, parts.next().ok_or_else(wrong)?);
        let action = match action.split_once('=') {
            Some(("stall", ms)) => Action::Stall(Duration::from_millis(ms.parse().map_err(|_| wrong())?)),
            None => match action {
                "error" => Action::Error,
                "panic" => Action::Panic,
                "kill" => Action::Kill,
                "stall" => Action::Stall(Duration::from_secs(5)),
                _ => return Err(wrong()),
            },
            Some(_) => return Err(wrong()),
        };
        let count = parts.next().map_or(Ok(1), |n| n.parse().map_err(|_| wrong()))?;
        self.arm(name, action, count)
    }
    /// Does the work with these points.
    pub fn scope<F: Future>(&self, work: F) -> impl Future<Output = F::Output> {
        ACTIVE.scope(self.clone(), Box::pin(work))
    }
    /// Which points were passed.
    pub fn reached(&self) -> BTreeSet<&'static str> {
        self.state().reached.clone()
    }
    /// Whether all armed points have acted.
    pub fn fired(&self) -> bool {
        self.state().armed.is_empty()
    }

    fn pass(&self, name: &'static str) -> Option<Action> {
        let mut state = self.state();
        state.reached.insert(name);
        let place = state.armed.iter().position(|a| a.0 == name)?;
        state.armed[place].2 -= 1;
        (state.armed[place].2 == 0).then(|| state.armed.swap_remove(place).1)
    }
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Carries the points of this task into one that it starts.
pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let points = ACTIVE.try_with(Clone::clone).unwrap_or_default();
    ACTIVE.scope(points, work)
}

/// A named point is passed; `reach!` is how the engine says so.
pub async fn pass(name: &'static str) -> Result<(), Fault> {
    match ACTIVE.try_with(|points| points.pass(name)).ok().flatten() {
        None => Ok(()),
        Some(Action::Error) => Err(Fault::new(Kind::Other, format!("failpoint {name}"))),
        Some(Action::Stall(time)) => {
            tokio::time::sleep(time).await;
            Ok(())
        }
        #[expect(clippy::panic, reason = "what was asked for")]
        Some(Action::Panic) => panic!("failpoint {name}"),
        Some(Action::Kill) => {
            let _ = kill(Pid::this(), Signal::SIGKILL);
            std::future::pending().await
        }
    }
}

/// Whether a point is in the list; a name that is not does not compile.
pub const fn is_listed(name: &str) -> bool {
    let mut i = 0;
    while i < POINTS.len() {
        if same(POINTS[i].as_bytes(), name.as_bytes()) {
            return true;
        }
        i += 1;
    }
    false
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut i = 0;
    while i < a.len() && i < b.len() && a[i] == b[i] {
        i += 1;
    }
    a.len() == b.len() && i == a.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_mistakes_refused() {
        assert!(Failpoints::parse("claim.before:kill:3").is_ok());
        let armed = Failpoints::parse("claim.before:stall=20,staged:kill:2").unwrap();
        let wanted = [("claim.before", Action::Stall(Duration::from_millis(20)), 1), ("staged", Action::Kill, 2)];
        assert_eq!(armed.0.lock().unwrap().armed, wanted);
        for wrong in ["", "claim.before", "nowhere:kill", "claim.before:dance", "claim.before:kill:soon"] {
            assert!(Failpoints::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn the_counted_passing_fails_once_and_only_where_it_was_armed() {
        let points = Failpoints::parse("claim.after:error:2").unwrap();
        assert!(pass("claim.after").await.is_ok());
        let passed = points.scope(async {
            let mut passed = vec![];
            for _ in 0..4 {
                passed.push(pass("claim.after").await.is_ok());
            }
            passed
        });
        assert_eq!(passed.await, [true, false, true, true]);
        assert!(points.fired());
    }
}
