//! The program in a pseudo-terminal that never answers a question, and what its screen shows.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Databases that nobody serves.
pub const NOWHERE: &[&str] =
    &["--master", "postgres://u@127.0.0.1:1/m", "--replica", "vengeance=postgres://u@127.0.0.1:1/r"];

/// Long enough for the slowest machine; a failing test waits this long once.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came out of the program so far.
struct Output {
    parser: vt100::Parser,
    raw: Vec<u8>,
}

/// A running console.
pub struct Session {
    master: Box<dyn MasterPty + Send>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    output: Arc<Mutex<Output>>,
    reader: Option<std::thread::JoinHandle<()>>,
    home: tempfile::TempDir,
}

/// The program without a terminal.
pub fn command(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_robbie"));
    command.env("ROBBIE_HOME", home).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Session {
    /// Opens the console on databases that do not exist.
    pub fn open(width: u16, height: u16, arguments: &[&str]) -> Self {
        Self::start(width, height, arguments, None)
    }

    /// The same with an editor: a script of the shell that is given the file's name.
    pub fn with_editor(script: &str) -> Self {
        Self::start(100, 30, &[], Some(("editor.sh", script)))
    }

    /// The same with a configuration file.
    pub fn with_config(width: u16, height: u16, config: &str) -> Self {
        Self::start(width, height, &[], Some(("config.toml", config)))
    }

    fn start(width: u16, height: u16, arguments: &[&str], file: Option<(&str, &str)>) -> Self {
        let home = tempfile::tempdir().unwrap();
        if let Some((name, text)) = file {
            std::fs::write(home.path().join(name), text).unwrap();
        }
        let pty = native_pty_system().openpty(size(width, height)).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_robbie"));
        command.env_clear();
        // Else it would begin in the home folder of whoever runs the tests, which not every account has.
        command.cwd(home.path());
        command.env("ROBBIE_HOME", home.path());
        command.env("PATH", "/usr/bin:/bin");
        command.env("EDITOR", format!("sh {}", home.path().join("editor.sh").display()));
        command.env("TERM", "xterm-256color");
        command.env("COLORTERM", "truecolor");
        let given = |name| arguments.contains(&name);
        command.args(if given("--master") { &[] } else { &NOWHERE[..if given("--replica") { 2 } else { 4 }] });
        command.args(arguments);
        let child = pty.slave.spawn_command(command).unwrap();
        drop(pty.slave);
        let output = Arc::new(Mutex::new(Output { parser: vt100::Parser::new(height, width, 0), raw: Vec::new() }));
        let mut from = pty.master.try_clone_reader().unwrap();
        let sink = Arc::clone(&output);
        let reader = std::thread::spawn(move || {
            let mut chunk = [0; 8192];
            while let Ok(n @ 1..) = from.read(&mut chunk) {
                let mut sink = sink.lock().unwrap();
                sink.raw.extend_from_slice(&chunk[..n]);
                sink.parser.process(&chunk[..n]);
            }
        });
        let writer = pty.master.take_writer().unwrap();
        Self { master: pty.master, writer, child, output, reader: Some(reader), home }
    }

    /// A file of the console's home.
    pub fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.home.path().join(name)).unwrap()
    }

    /// Types.
    pub fn send(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    /// Waits until the text stands on the screen.
    pub fn wait(&mut self, text: &str) {
        self.wait_until(text, |screen| screen.contains(text));
    }

    /// Waits until the screen is as it should be.
    pub fn wait_until(&mut self, what: &str, holds: impl Fn(&str) -> bool) {
        let end = Instant::now() + PATIENCE;
        loop {
            let screen = self.output.lock().unwrap().parser.screen().contents();
            if holds(&screen) {
                return;
            }
            assert!(Instant::now() < end, "waited for {what}; the screen shows\n{screen}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Changes the terminal's size.
    pub fn resize(&mut self, width: u16, height: u16) {
        self.output.lock().unwrap().parser.screen_mut().set_size(height, width);
        self.master.resize(size(width, height)).unwrap();
    }

    /// Sends a signal to the program.
    pub fn signal(&mut self, signal: Signal) {
        let pid = i32::try_from(self.child.process_id().unwrap()).unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    /// Waits for the end; the exit code.
    pub fn ended(&mut self) -> u32 {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                if let Some(reader) = self.reader.take() {
                    reader.join().unwrap();
                }
                return status.exit_code();
            }
            assert!(Instant::now() < end, "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Everything that was written to the terminal.
    pub fn raw(&self) -> String {
        String::from_utf8_lossy(&self.output.lock().unwrap().raw).into_owned()
    }

    /// Whether no mode of ours is left on.
    pub fn assert_given_back(&self) {
        let output = self.output.lock().unwrap();
        let screen = output.parser.screen();
        assert!(!screen.alternate_screen(), "the alternate screen is left on");
        assert!(!screen.hide_cursor(), "the cursor is left hidden");
        assert!(!screen.bracketed_paste(), "bracketed paste is left on");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None, "the mouse is left on");
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
    }
}

fn size(width: u16, height: u16) -> PtySize {
    PtySize { rows: height, cols: width, pixel_width: 0, pixel_height: 0 }
}
