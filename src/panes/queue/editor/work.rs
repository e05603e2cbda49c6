//! How the editor's questions are asked.

use super::{Answer, Ask, Change, Check};
use crate::panes::queue::Message;
use crate::postgres::{Fault, Pair};
use crate::sync::discard::By;
use crate::sync::edit::{self, Draft};
use crate::ui::{Job, Services};
use similar::{ChangeTag, TextDiff};
use std::time::Duration;

/// Lines that are shown around a change.
const AROUND: usize = 3;
/// A difference that takes longer to find is shown coarser.
const LONGEST: Duration = Duration::from_millis(300);

/// Does the work.
pub async fn perform(ask: Ask, services: &Services, job: &Job<Message>) -> Message {
    let pair = services.pair();
    Message::Edit(match ask {
        Ask::Open(id) => {
            let read = async { edit::draft(&*pair.replica.session().await?, id).await };
            Answer::Opened(id, read.await.map(Box::new))
        }
        Ask::Check { draft, version, text } => Answer::Checked(version, check(&pair, &draft, &text).await),
        Ask::Try { draft, version, text } => {
            job.tell(Message::Edit(Answer::Compared(version, compared(&draft.text, &text))));
            let tried = edit::edit(&pair, &draft, &text, false, by(services)).await;
            Answer::Tried(version, tried.map(Box::new))
        }
        Ask::Save { draft, text } => {
            let saved = edit::edit(&pair, &draft, &text, true, by(services)).await;
            Answer::Saved(draft.id, saved.map(Box::new))
        }
    })
}

fn by(services: &Services) -> By<'_> {
    By { actor: "console", reason: "edited in the console", engine: services.engine().map(AsRef::as_ref) }
}

/// What is wrong with a text; without the master only whether it is JSON.
async fn check(pair: &Pair, draft: &Draft, text: &str) -> Check {
    if let Some(problem) = edit::no_json(text) {
        return Check::Whole(vec![problem]);
    }
    let asked: Result<_, Fault> = async {
        let master = pair.master.session().await?;
        edit::check(&master, &draft.table, &draft.operation, draft.key.as_deref(), text).await
    }
    .await;
    match asked {
        Ok(problems) => Check::Whole(problems),
        Err(fault) => Check::Partly(Vec::new(), fault.to_string()),
    }
}

/// The difference of two texts by lines, with a few lines around each change.
pub fn compared(before: &str, after: &str) -> Vec<Change> {
    let diff = TextDiff::configure().timeout(LONGEST).diff_lines(before, after);
    let mut out = Vec::new();
    let mut seen = 0;
    for group in diff.grouped_ops(AROUND) {
        let first = group.first().map_or(seen, |op| op.old_range().start);
        if first > seen {
            out.push(Change::Between(first - seen));
        }
        for op in &group {
            out.extend(diff.iter_changes(op).map(|change| {
                let line = change.value().trim_end_matches('\n').to_owned();
                match change.tag() {
                    ChangeTag::Equal => Change::Kept(line),
                    ChangeTag::Delete => Change::Gone(line),
                    ChangeTag::Insert => Change::New(line),
                }
            }));
        }
        seen = group.last().map_or(seen, |op| op.old_range().end);
    }
    let left = before.lines().count().saturating_sub(seen);
    if left > 0 {
        out.push(Change::Between(left));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_what_changed_and_what_is_left_out() {
        let before = (1..=20).map(|n| format!("line {n}")).collect::<Vec<_>>().join("\n") + "\n";
        let found = compared(&before, &before.replace("line 10\n", "line ten\n"));
        assert_eq!(found[0], Change::Between(6));
        assert!(found.contains(&Change::Gone("line 10".into())) && found.contains(&Change::New("line ten".into())));
        assert_eq!(found.iter().filter(|c| matches!(c, Change::Kept(_))).count(), 6);
        assert_eq!(found.last(), Some(&Change::Between(7)));
        assert!(compared("same\n", "same\n").iter().all(|c| matches!(c, Change::Between(_))));
    }
}
