//! The command line: arguments, one function per command, exit codes.

mod exit;

pub use exit::Exit;
