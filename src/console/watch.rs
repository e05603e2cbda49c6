//! News of the links and the engine, as events for the loop.

use super::jobs::spawn;
use super::shell::Event;
use crate::postgres::Link;
use crate::ui::live::LiveJob;
use crate::ui::services::Services;
use std::sync::{Arc, Weak};
use tokio::sync::mpsc::UnboundedSender;

/// Begins to connect every link and reports each change of its status.
pub fn links(services: &Arc<Services>, queue: &UnboundedSender<Event>) {
    // The replicas first: they are near, and what is stuck is there.
    for link in services.replicas().iter().chain(std::iter::once(services.master())) {
        spawn(link_news(Arc::clone(link), Arc::downgrade(services), queue.clone()));
    }
}

async fn link_news(link: Arc<Link>, services: Weak<Services>, queue: UnboundedSender<Event>) {
    let mut status = link.status();
    // The first use is what connects; its fault, if any, stands in the status.
    let _ = link.session().await;
    loop {
        let Some(services) = services.upgrade() else { return };
        if queue.send(Event::Links(Arc::new(services.links()))).is_err() {
            return;
        }
        drop(services);
        if status.changed().await.is_err() {
            return;
        }
    }
}

/// Reports how far the replays of many entries are.
pub fn replays(services: &Arc<Services>, queue: &UnboundedSender<Event>) {
    let (mut news, queue, mut next) = (services.jobs().news(), queue.clone(), 0);
    spawn(async move {
        loop {
            let new: Vec<LiveJob> = news.borrow_and_update().iter().filter(|l| l.start >= next).cloned().collect();
            for live in new {
                next = live.start + 1;
                spawn(replay_news(live, queue.clone()));
            }
            if news.changed().await.is_err() {
                return;
            }
        }
    });
}

async fn replay_news(live: LiveJob, queue: UnboundedSender<Event>) {
    let mut heard = live.handle.progress();
    loop {
        let progress = heard.borrow_and_update().clone();
        let over = progress.state.is_over();
        if queue.send(Event::Replay { replica: live.replica.clone(), progress }).is_err() || over {
            return;
        }
        if heard.changed().await.is_err() {
            return;
        }
    }
}

/// Reports each change of the engine's status, where it runs in this process.
pub fn engine(services: &Arc<Services>, queue: &UnboundedSender<Event>) {
    let Some(mut status) = services.engine().map(|engine| engine.status()) else { return };
    let queue = queue.clone();
    spawn(async move {
        loop {
            let now = status.borrow_and_update().clone();
            if queue.send(Event::Engine(Arc::new(now))).is_err() || status.changed().await.is_err() {
                return;
            }
        }
    });
}
