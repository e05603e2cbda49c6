//! Which processes of a cluster live: recognised by the mark in their command line, never by a number alone.
//!
//! A number from a file may be a stranger's by now, and a killed server whose parent does not collect it keeps its
//! number; neither has the mark.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Whether process `pid` lives and carries `mark`.
pub fn carries(pid: u32, mark: &str) -> bool {
    command_line(pid).is_some_and(|line| line.contains(mark))
}

/// Sends `signal`; whether the process was there.
pub fn send(pid: u32, signal: Signal) -> bool {
    i32::try_from(pid).is_ok_and(|pid| kill(Pid::from_raw(pid), signal).is_ok())
}

#[cfg(target_os = "linux")]
fn command_line(pid: u32) -> Option<String> {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Every process that carries `mark`.
#[cfg(target_os = "linux")]
pub fn all(mark: &str) -> Vec<u32> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|&pid| pid != std::process::id() && carries(pid, mark))
        .collect()
}

#[cfg(not(target_os = "linux"))]
fn ps(arguments: &[&str]) -> String {
    let output = std::process::Command::new("/bin/ps").args(arguments).output();
    output.map_or_else(|_| String::new(), |o| String::from_utf8_lossy(&o.stdout).into_owned())
}

#[cfg(not(target_os = "linux"))]
fn command_line(pid: u32) -> Option<String> {
    Some(ps(&["-ww", "-o", "command=", "-p", &pid.to_string()])).filter(|line| !line.is_empty())
}

/// Every process that carries `mark`.
#[cfg(not(target_os = "linux"))]
pub fn all(mark: &str) -> Vec<u32> {
    ps(&["-axww", "-o", "pid=,command="])
        .lines()
        .filter(|line| line.contains(mark))
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
        .filter(|&pid| pid != std::process::id())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_mark_and_not_after_its_end() {
        let mark = format!("mark-{}", uuid::Uuid::new_v4());
        let mut child = std::process::Command::new("sh")
            .args(["-c", "read line", &mark])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        // Between its birth and its first instruction it has no arguments yet.
        while !carries(child.id(), &mark) {
            std::thread::yield_now();
        }
        assert_eq!(all(&mark), [child.id()]);
        assert!(!carries(child.id(), "another"));
        assert!(send(child.id(), Signal::SIGKILL));
        // Not collected yet, the dead process still has its number.
        while carries(child.id(), &mark) {
            std::thread::yield_now();
        }
        assert!(all(&mark).is_empty());
        child.wait().unwrap();
    }
}
