//! Exit codes, as the command line contract fixes them.

use crate::postgres::{Fault, Kind};
use std::process::{ExitCode, Termination};

/// How a command ended, as a process exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 0: done and healthy.
    Done,
    /// 1: done, and something needs attention (failed entries, differences, unhealthy).
    Attention,
    /// 2: wrong usage or configuration.
    Usage,
    /// 3: a needed side cannot be reached.
    Unreachable,
    /// 4: partly done; the report says which rows were not.
    Partial,
    /// 128 + n: ended by signal n, the terminal given back.
    Signalled(i32),
}

impl Exit {
    /// The process exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Attention => 1,
            Self::Usage => 2,
            Self::Unreachable => 3,
            Self::Partial => 4,
            Self::Signalled(number) => 128u8.saturating_add(number as u8),
        }
    }
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self.code())
    }
}

impl Exit {
    /// How a command ends that failed with `fault`.
    pub fn of(fault: &Fault) -> Self {
        match fault.kind {
            Kind::Settings => Self::Usage,
            Kind::Unreachable | Kind::Refused | Kind::Tls => Self::Unreachable,
            _ => Self::Attention,
        }
    }
    /// How a command ends of whose rows so many were done: 0 all of them, 4 some, 1 none.
    pub fn of_done(done: usize, all: usize) -> Self {
        match done {
            done if done == all => Self::Done,
            0 => Self::Attention,
            _ => Self::Partial,
        }
    }
}
