//! The log file, with secrets kept out.
