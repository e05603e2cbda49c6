//! Fresh databases on one embedded pair of servers, shared by the whole suite.
//!
//! The first test that asks starts the servers (fetching PostgreSQL into the user's data folder if it is nowhere yet);
//! they live in a temporary folder, and the watchdog stops and removes them when the test process ends, also when it
//! is killed. Nothing has to be installed, started or cleaned up.
//!
//! ```ignore
//! #[tokio::test]
//! async fn an_entry_reaches_the_master() {
//!     let test = support::pair().await;                   // two databases with all migrations applied; or
//!     let test = support::bare_pair().await;              // two with nothing in them but pgvector
//!     let master = support::connect(&test.master).await;  // a tokio_postgres::Client, as the ordinary role `robbie`
//!     master.batch_execute("create table t (id int)").await.unwrap();
//!     let root = support::connect(&test.superuser(Side::Master)).await;
//!     let pair = test.pair();                             // postgres::Pair, as the engine takes it
//! }                                                       // the databases are dropped with `test`
//! ```
//!
//! [`command`] is the program itself in a [`folder`] of its own; [`TestPair::url`] is what its `--master` and
//! `--replica` take.
#![allow(dead_code, unused_imports, reason = "what one subject needs, another may not")]

mod database;
pub mod failures;
mod home;
pub mod proxy;

pub use database::{TestPair, bare_pair, connect, pair, pair_on};
pub use home::{Folder, command, folder, home_in, last_words, robbie, servers, user_home};
