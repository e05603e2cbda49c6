//! A program in a pseudo-terminal, with the time of everything it writes.

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// A running program and its screen.
pub struct Program {
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
    input: Box<dyn Write + Send>,
    output: Receiver<(Instant, Vec<u8>)>,
    screen: vt100::Parser,
    started: Instant,
}

/// What a program used while nobody touched it.
pub struct Idle {
    pub cpu_s: f64,
    pub bytes: usize,
}

impl Program {
    pub fn start(program: &str, arguments: &[&str], home: &Path, (columns, rows): (u16, u16)) -> Self {
        let pty =
            native_pty_system().openpty(PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.env("ROBBIE_HOME", home);
        command.env("TERM", "xterm-256color");
        command.env("COLORTERM", "truecolor");
        let mut reader = pty.master.try_clone_reader().unwrap();
        let (send, output) = channel();
        let started = Instant::now();
        let child = pty.slave.spawn_command(command).unwrap();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                if send.send((Instant::now(), buffer[..n].to_vec())).is_err() {
                    break;
                }
            }
        });
        let input = pty.master.take_writer().unwrap();
        Self { child, _master: pty.master, input, output, screen: vt100::Parser::new(rows, columns, 0), started }
    }

    /// Milliseconds from exec until something like a frame is on the screen.
    pub fn first_paint(&mut self) -> f64 {
        self.until(|text| text.chars().filter(|c| !c.is_whitespace()).count() >= 40)
    }

    /// Sends keys and does not wait.
    pub fn send(&mut self, keys: &str) {
        self.input.write_all(keys.as_bytes()).unwrap();
        self.input.flush().unwrap();
    }

    /// Milliseconds from exec until `text` is on the screen.
    pub fn wait_for(&mut self, text: &str) -> f64 {
        self.until(|screen| screen.contains(text))
    }

    fn until(&mut self, holds: impl Fn(&str) -> bool) -> f64 {
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut at = Instant::now();
        while !holds(&self.screen.screen().contents()) {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok((when, bytes)) = self.output.recv_timeout(left) else {
                panic!("not seen within 20 s; the screen:\n{}", self.screen.screen().contents());
            };
            at = when;
            self.screen.process(&bytes);
        }
        (at - self.started).as_secs_f64() * 1e3
    }

    /// Reads for as long as something comes at least every `quiet`; the bytes read.
    pub fn settle(&mut self, quiet: Duration) -> usize {
        let mut bytes = 0;
        while let Ok((_, chunk)) = self.output.recv_timeout(quiet) {
            bytes += chunk.len();
            self.screen.process(&chunk);
        }
        bytes
    }

    /// Presses a key `times` times; milliseconds each from the write to the last change of the screen that it caused.
    pub fn press(&mut self, key: &str, times: usize) -> Vec<f64> {
        (0..times)
            .map(|_| {
                let sent = Instant::now();
                self.input.write_all(key.as_bytes()).unwrap();
                self.input.flush().unwrap();
                let mut painted = sent;
                let mut quiet = Duration::from_millis(150);
                while let Ok((when, chunk)) = self.output.recv_timeout(quiet) {
                    let before = self.screen.screen().contents();
                    self.screen.process(&chunk);
                    if self.screen.screen().contents() != before {
                        painted = when;
                    }
                    quiet = Duration::from_millis(25);
                }
                (painted - sent).as_secs_f64() * 1e3
            })
            .collect()
    }

    pub fn resident_mb(&self) -> f64 {
        self.status_mb("VmRSS:")
    }

    pub fn peak_mb(&self) -> f64 {
        self.status_mb("VmHWM:")
    }

    fn status_mb(&self, field: &str) -> f64 {
        let pid = self.child.process_id().unwrap();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find(|l| l.starts_with(field)).unwrap_or_default();
        line.split_whitespace().nth(1).map_or(f64::NAN, |kb| kb.parse::<f64>().unwrap() / 1024.0)
    }

    /// What it uses while nobody touches it (CPU from /proc, in ticks of 10 ms).
    pub fn idle(&mut self, span: Duration) -> Idle {
        let before = self.cpu_s();
        let end = Instant::now() + span;
        let mut bytes = 0;
        while let Ok((_, chunk)) = self.output.recv_timeout(end.saturating_duration_since(Instant::now())) {
            bytes += chunk.len();
        }
        Idle { cpu_s: self.cpu_s() - before, bytes }
    }

    fn cpu_s(&self) -> f64 {
        let pid = self.child.process_id().unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after_name = stat.rsplit(") ").next().unwrap_or_default();
        let ticks: f64 = after_name.split(' ').skip(11).take(2).map(|t| t.parse::<f64>().unwrap_or(0.0)).sum();
        ticks / 100.0
    }

    pub fn quit(mut self, key: &str) {
        // Esc first: a level or an overlay may be open, and q quits at the root only.
        for _ in 0..4 {
            let _ = self.input.write_all(b"\x1b");
            let _ = self.input.flush();
            self.settle(Duration::from_millis(60));
        }
        let _ = self.input.write_all(key.as_bytes());
        let _ = self.input.flush();
        let deadline = Instant::now() + Duration::from_secs(3);
        while Instant::now() < deadline {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
    }
}

/// The median, in place.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
