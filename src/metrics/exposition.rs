//! The figures as text. Names and units by the conventions of Prometheus; all are listed in `docs/running.md`.

use super::asked::{Master, Queue, Replica};
use crate::sync::EngineStatus;
use crate::sync::figures::{BOUNDS, Lags};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// What one scrape says of one replica.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// What people call it.
    pub replica: String,
    /// Its engine.
    pub status: EngineStatus,
    /// What it knows itself, where it answered.
    pub here: Option<Replica>,
    /// What the master knows, where it answered.
    pub there: Option<Master>,
}

/// Writes the figures of all replicas.
pub fn text(sheets: Vec<Sheet>) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Sheets(sheets)));
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Sheets(Vec<Sheet>);

type Labels<'a> = Vec<(&'static str, &'a str)>;

/// One value of a family: its labels beside `replica`, and itself.
type Value<'a> = (Labels<'a>, f64);

impl Collector for Sheets {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.engine(&mut encoder)?;
        self.moved(&mut encoder)?;
        self.lags(&mut encoder)?;
        self.queue(&mut encoder)?;
        self.master(&mut encoder)
    }
}

impl Sheets {
    fn engine(&self, e: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let seconds = Some(&Unit::Seconds);
        self.gauge(e, "robbie_sync_engine_up", "Whether the engine holds the replica's lock and works", None, |s| {
            one(if s.status.running { 1.0 } else { 0.0 })
        })?;
        self.gauge(e, "robbie_sync_engine_faulty", "Whether something stops the engine now", None, |s| {
            one(if s.status.fault.is_some() { 1.0 } else { 0.0 })
        })?;
        self.gauge(e, "robbie_sync_engine_paused", "Whether the engine was told to wait", None, |s| {
            one(if s.status.paused { 1.0 } else { 0.0 })
        })?;
        self.gauge(
            e,
            "robbie_sync_probing",
            "Whether a side sends no notifications, and is asked again and again instead",
            None,
            |s| one(if s.status.probing { 1.0 } else { 0.0 }),
        )?;
        self.counter(e, "robbie_sync_cycles", "Cycles by outcome", |s| {
            let f = &s.status.figures;
            vec![(vec![("outcome", "ok")], f.cycles_ok as f64), (vec![("outcome", "failed")], f.cycles_failed as f64)]
        })?;
        self.counter(e, "robbie_sync_idle_looks", "Looks after a notification that found nothing new", |s| {
            one(s.status.figures.idle_looks as f64)
        })?;
        self.gauge(e, "robbie_sync_last_cycle_timestamp", "When the last cycle ended", seconds, |s| {
            at(s.status.figures.last_at)
        })?;
        self.gauge(e, "robbie_sync_last_cycle_duration", "How long the last cycle took", seconds, |s| {
            s.status.figures.last_at.map_or_else(Vec::new, |_| one(s.status.figures.last_s))
        })?;
        self.gauge(e, "robbie_sync_last_success_timestamp", "When a cycle last did all it should", seconds, |s| {
            at(s.status.figures.last_ok_at)
        })?;
        self.gauge(
            e,
            "robbie_sync_last_comparison_timestamp",
            "When all rows were last compared by this engine",
            seconds,
            |s| at(s.status.figures.last_compared_at),
        )?;
        self.gauge(
            e,
            "robbie_sync_clock_offset",
            "How far the master's clock is ahead of the replica's",
            seconds,
            |s| s.status.figures.clock_offset_s.map_or_else(Vec::new, one),
        )
    }

    fn moved(&self, e: &mut DescriptorEncoder<'_>) -> fmt::Result {
        self.counter(e, "robbie_sync_push_entries", "Tries of entries on the master, by outcome", |s| {
            let p = &s.status.figures.pushed;
            [
                ("applied", p.applied),
                ("no_change", p.no_change),
                ("conflict_resolved", p.conflicts),
                ("failed", p.failed),
                ("blocked", p.blocked),
                ("later", p.later),
            ]
            .map(|(outcome, n)| (vec![("outcome", outcome)], n as f64))
            .to_vec()
        })?;
        self.counter(e, "robbie_sync_pull_rows", "Rows written on the replica, by what was done", |s| {
            let p = &s.status.figures.pulled;
            [("insert", p.inserted), ("update", p.updated), ("delete", p.deleted), ("defer", p.deferred)]
                .map(|(what, n)| (vec![("operation", what)], n as f64))
                .to_vec()
        })?;
        self.counter(e, "robbie_sync_pull_bytes", "Bytes of text copied from the master", |s| {
            one(s.status.figures.pulled.bytes as f64)
        })?;
        self.counter(
            e,
            "robbie_sync_table_pushed_rows",
            "Entries settled on the master since set-up, by table",
            |s| s.here.iter().flat_map(|h| &h.tables).map(|t| (vec![("table", &*t.tbl)], t.pushed as f64)).collect(),
        )?;
        self.counter(e, "robbie_sync_table_pulled_rows", "Rows taken from the master since set-up, by table", |s| {
            s.here.iter().flat_map(|h| &h.tables).map(|t| (vec![("table", &*t.tbl)], t.pulled as f64)).collect()
        })?;
        self.gauge(e, "robbie_sync_table_paused", "Whether a table is paused", None, |s| {
            let paused = |p: bool| if p { 1.0 } else { 0.0 };
            s.here.iter().flat_map(|h| &h.tables).map(|t| (vec![("table", &*t.tbl)], paused(t.paused))).collect()
        })
    }

    fn lags(&self, e: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let directions = |s: &'_ Sheet| {
            let figures = s.status.figures.clone();
            [("push", figures.push_lag), ("pull", figures.pull_lag)]
        };
        let help = "From a write until it is visible on the other side, the oldest of each cycle";
        let mut family = e.encode_descriptor("robbie_sync_lag", help, Some(&Unit::Seconds), MetricType::Histogram)?;
        for sheet in &self.0 {
            for (direction, lags) in directions(sheet) {
                let labels = [("replica", &*sheet.replica), ("direction", direction)];
                let mut metric = family.encode_family(&labels)?;
                metric.encode_histogram::<[(&str, &str); 0]>(lags.sum, lags.count, &buckets(&lags), None)?;
            }
        }
        self.gauge(
            e,
            "robbie_sync_lag_quantile",
            "Percentiles of the last 512 of these lags",
            Some(&Unit::Seconds),
            |s| {
                let f = &s.status.figures;
                [("push", f.push_lag.percentiles()), ("pull", f.pull_lag.percentiles())]
                    .into_iter()
                    .filter_map(|(direction, p)| Some((direction, p?)))
                    .flat_map(|(direction, p)| {
                        [("0.5", p.p50), ("0.95", p.p95), ("0.99", p.p99)]
                            .map(|(of, s)| (vec![("direction", direction), ("quantile", of)], s))
                    })
                    .collect()
            },
        )
    }

    fn queue(&self, e: &mut DescriptorEncoder<'_>) -> fmt::Result {
        self.gauge(e, "robbie_sync_queue_entries", "Unsettled entries by table, state and reason", None, |s| {
            s.here.iter().flat_map(|h| &h.queue).map(|q| (labels(q), q.entries as f64)).collect()
        })?;
        self.gauge(
            e,
            "robbie_sync_queue_oldest_age",
            "Age of the oldest of these entries",
            Some(&Unit::Seconds),
            |s| s.here.iter().flat_map(|h| &h.queue).map(|q| (labels(q), q.oldest_s)).collect(),
        )?;
        self.gauge(
            e,
            "robbie_sync_queue_counted_in_part",
            "Whether the queue is longer than a scrape counts, and its figures are lower bounds",
            None,
            |s| s.here.as_ref().map_or_else(Vec::new, |h| one(if h.more { 1.0 } else { 0.0 })),
        )?;
        self.gauge(e, "robbie_sync_deferred_rows", "Rows of the master that are put off here", None, |s| {
            s.here.as_ref().map_or_else(Vec::new, |h| one(h.deferred as f64))
        })?;
        self.gauge(
            e,
            "robbie_sync_cursor_age",
            "Time since this replica last took changes",
            Some(&Unit::Seconds),
            |s| s.here.as_ref().and_then(|h| h.cursor_age_s).map_or_else(Vec::new, one),
        )
    }

    fn master(&self, e: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let there = |f: fn(&Master) -> f64| move |s: &'_ Sheet| s.there.as_ref().map_or_else(Vec::new, |m| one(f(m)));
        self.gauge(
            e,
            "robbie_sync_ledger_rows",
            "Rows of the ledger, estimated by the server",
            None,
            there(|m| m.ledger_rows as f64),
        )?;
        self.gauge(
            e,
            "robbie_sync_ledger",
            "Size of the ledger with its indexes",
            Some(&Unit::Bytes),
            there(|m| m.ledger_bytes as f64),
        )?;
        self.gauge(
            e,
            "robbie_sync_changelog_rows",
            "Rows of the changelog, estimated by the server",
            None,
            there(|m| m.changelog_rows as f64),
        )?;
        self.gauge(
            e,
            "robbie_sync_changelog",
            "Size of the changelog with its indexes",
            Some(&Unit::Bytes),
            there(|m| m.changelog_bytes as f64),
        )?;
        self.gauge(
            e,
            "robbie_sync_oldest_untaken_change",
            "Age of the oldest change that some live replica has not taken",
            Some(&Unit::Seconds),
            there(|m| m.oldest_untaken_s),
        )?;
        self.gauge(
            e,
            "robbie_sync_live_replicas",
            "Replicas that the master has heard of in the last 30 days",
            None,
            there(|m| m.replicas as f64),
        )?;
        self.gauge(e, "robbie_sync_conflicts_open", "Conflicts nobody has looked at, by kind", None, |s| {
            s.there.iter().flat_map(|m| &m.conflicts).map(|c| (vec![("kind", &*c.kind)], c.open as f64)).collect()
        })
    }

    fn gauge<'a>(
        &'a self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        values: impl Fn(&'a Sheet) -> Vec<Value<'a>>,
    ) -> fmt::Result {
        let mut family = encoder.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        for sheet in &self.0 {
            for (mut labels, value) in values(sheet) {
                labels.insert(0, ("replica", &sheet.replica));
                ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn counter<'a>(
        &'a self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        values: impl Fn(&'a Sheet) -> Vec<Value<'a>>,
    ) -> fmt::Result {
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for sheet in &self.0 {
            for (mut labels, value) in values(sheet) {
                labels.insert(0, ("replica", &sheet.replica));
                ConstCounter::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}

fn labels(q: &Queue) -> Labels<'_> {
    vec![("table", &*q.tbl), ("state", &*q.state), ("reason", &*q.reason)]
}

fn one<'a>(value: f64) -> Vec<Value<'a>> {
    vec![(vec![], value)]
}

fn at<'a>(time: Option<SystemTime>) -> Vec<Value<'a>> {
    time.and_then(|t| t.duration_since(UNIX_EPOCH).ok()).map_or_else(Vec::new, |d| one(d.as_secs_f64()))
}

/// The library adds them up; the last one, without a bound, takes what is longer than all.
fn buckets(lags: &Lags) -> Vec<(f64, u64)> {
    let bounded: u64 = lags.buckets.iter().sum();
    BOUNDS.iter().copied().zip(lags.buckets).chain([(f64::INFINITY, lags.count - bounded)]).collect()
}
