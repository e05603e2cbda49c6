//! How far a first load is, as a bar on stderr where that is a terminal.

use crate::cli::output;
use crate::sync::load::{LoadProgress, Watcher};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const TEMPLATE: &str = "{prefix}: first load {bar:30} {percent:>3} %  {human_pos}/{human_len} rows  {msg}  {elapsed}";

/// The bar of one replica; there is none until there is something to show.
pub struct Bar {
    replica: String,
    bars: Option<MultiProgress>,
    shown: Mutex<Option<ProgressBar>>,
}

impl Bar {
    /// For a replica, among the bars of others.
    pub fn new(replica: &str, among: &MultiProgress) -> Self {
        let bars = output::progress_is_seen().then(|| among.clone());
        Self { replica: output::printable(replica), bars, shown: Mutex::default() }
    }
    /// Has it shown while a load gets on.
    pub fn watcher(self: &Arc<Self>) -> Watcher {
        let bar = Arc::clone(self);
        Watcher::new(move |progress| bar.show(Some(progress)))
    }
    /// Shows this, and takes the bar away where nothing is loaded.
    pub fn show(&self, progress: Option<&LoadProgress>) {
        let Some(bars) = &self.bars else { return };
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(progress) = progress else {
            if let Some(bar) = shown.take() {
                bar.finish_and_clear();
            }
            return;
        };
        let bar = shown.get_or_insert_with(|| {
            let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = bars.add(ProgressBar::new(progress.total).with_style(style).with_prefix(self.replica.clone()));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        bar.set_length(progress.total);
        bar.set_position(progress.rows);
        bar.set_message(message(progress));
    }
}

/// Which table is loaded, and which of how many it is.
fn message(progress: &LoadProgress) -> String {
    let place = (progress.tables_done + 1).min(progress.tables);
    format!("{} ({place} of {} tables)", output::printable(&progress.table), progress.tables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_which_table_and_carries_no_control_characters_to_the_terminal() {
        let progress =
            LoadProgress { table: "a\u{1b}[2J".into(), tables: 3, tables_done: 1, ..LoadProgress::default() };
        let said = message(&progress);
        assert!(said.ends_with("(2 of 3 tables)") && !said.contains('\u{1b}'), "{said}");
        assert!(message(&LoadProgress { tables_done: 3, ..progress }).ends_with("(3 of 3 tables)"));
    }
}
