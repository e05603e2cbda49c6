//! What the doctor looks at on one side: way in, server, rights, schema, clock, notifications, triggers.

use super::{Findings, Level};
use crate::postgres::tls::TlsMode;
use crate::postgres::{Fault, Kind, Link, LinkStatus, Session, Side, Target, reach};
use crate::schema::{self, Schema, State};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::net::TcpStream;
use tokio_postgres::Client;
use tokio_postgres::config::Host;

/// How far the clocks may be apart before "newest wins" becomes guesswork.
const CLOCK_TOLERANCE: f64 = 5.0;

/// Looks at everything; what cannot be looked at because of something before it is said to be skipped.
pub async fn examine(findings: &mut Findings, target: Target) {
    if !way(findings, &target).await {
        findings.add("log-in", Level::Skipped, "no host can be reached");
        return;
    }
    let tls = target.access.tls.mode;
    let link = Link::new(target);
    let client = match link.session().await {
        Ok(client) => client,
        Err(fault) => {
            let check = if fault.kind == Kind::Tls { "TLS" } else { "log-in" };
            return findings.fail(check, &fault);
        }
    };
    encryption(findings, &link, tls);
    if let Err(fault) = server(findings, &link, &client).await {
        findings.fail("server", &fault);
    }
    if let Err(fault) = rights(findings, &link, &client).await {
        findings.fail("rights", &fault);
    }
    if let Err(fault) = migrations(findings, &link, &client).await {
        findings.fail("schema", &fault);
    }
    notifications(findings, &link, &client).await;
}

/// Names and ports, host by host. Whether one of them can be reached.
async fn way(findings: &mut Findings, target: &Target) -> bool {
    let (ports, addresses) = (target.config.get_ports(), target.config.get_hostaddrs());
    let patience = target.config.get_connect_timeout().copied().unwrap_or(Duration::from_secs(3));
    let hosts = target.config.get_hosts();
    let mut reached = false;
    for (i, host) in hosts.iter().enumerate() {
        let port = ports.get(i).or_else(|| ports.first()).copied().unwrap_or(5432);
        let tried = match (host, addresses.get(i)) {
            (Host::Tcp(_), Some(address)) => knock(&[*address], port, patience).await,
            (Host::Tcp(name), None) => match reach::resolve(name, port, patience).await {
                Ok(found) => knock(&found, port, patience).await,
                Err(fault) => Err(fault),
            },
            #[cfg(unix)]
            (Host::Unix(folder), _) => socket(&folder.join(format!(".s.PGSQL.{port}"))).await,
        };
        match tried {
            Ok(found) => {
                reached = true;
                findings.ok("address", found);
            }
            // One of several may be away: that is what they are several for.
            Err(fault) if hosts.len() > 1 => {
                findings.warn("address", fault.message, fault.remedy.unwrap_or_default());
            }
            Err(fault) => findings.fail("address", &fault),
        }
    }
    if !reached && hosts.len() > 1 {
        findings.fail("address", &Fault::new(Kind::Unreachable, "none of the hosts can be reached").on(target.side));
    }
    reached
}

async fn knock(addresses: &[std::net::IpAddr], port: u16, patience: Duration) -> Result<String, Fault> {
    let mut last = Fault::new(Kind::Unreachable, "the host has no address");
    for address in addresses {
        let place = std::net::SocketAddr::new(*address, port);
        match tokio::time::timeout(patience, TcpStream::connect(place)).await {
            Ok(Ok(_)) => return Ok(format!("{place} listens")),
            Ok(Err(e)) => {
                let (said, remedy) = reach::socket(&e);
                last = Fault::new(Kind::Unreachable, format!("{place}: {said}")).remedy(remedy);
            }
            Err(_) => {
                let (said, remedy) = reach::socket(&std::io::ErrorKind::TimedOut.into());
                last = Fault::new(Kind::Unreachable, format!("{place}: {said}")).remedy(remedy);
            }
        }
    }
    Err(last)
}

#[cfg(unix)]
async fn socket(path: &std::path::Path) -> Result<String, Fault> {
    match tokio::net::UnixStream::connect(path).await {
        Ok(_) => Ok(format!("{} listens", path.display())),
        Err(e) => {
            let (said, remedy) = reach::socket(&e);
            Err(Fault::new(Kind::Unreachable, format!("{}: {said}", path.display())).remedy(remedy))
        }
    }
}

fn encryption(findings: &mut Findings, link: &Link, asked: TlsMode) {
    let LinkStatus::Up { tls, verified, .. } = link.status().borrow().clone() else { return };
    let remedy = "sslmode=verify-full (with sslrootcert, if the authority is your own) keeps others from listening in";
    match (tls, verified) {
        _ if link.target().is_local() => findings.ok("TLS", "not needed: a socket of this machine"),
        (true, true) => findings.ok("TLS", format!("encrypted, certificate checked ({})", asked.name())),
        (true, false) => {
            findings.warn("TLS", format!("encrypted, but to whom is not checked (sslmode={})", asked.name()), remedy);
        }
        (false, _) if on_this_machine(link.target()) => findings.ok("TLS", "not encrypted; it stays on this machine"),
        (false, _) => findings.warn("TLS", format!("not encrypted (sslmode={})", asked.name()), remedy),
    }
}

fn on_this_machine(target: &Target) -> bool {
    let local = |name: &str| matches!(name, "localhost" | "127.0.0.1" | "::1");
    target.config.get_hosts().iter().all(|host| match host {
        Host::Tcp(name) => local(name),
        #[cfg(unix)]
        Host::Unix(_) => true,
    })
}

async fn server(findings: &mut Findings, link: &Link, client: &Client) -> Result<(), Fault> {
    let asked = Instant::now();
    let row = client
        .query_one(
            "select current_setting('server_version_num')::int, current_setting('server_version'), \
               extract(epoch from clock_timestamp())::float8, pg_catalog.pg_is_in_recovery(), \
               (select extversion from pg_catalog.pg_extension where extname = 'vector'), \
               exists (select from pg_catalog.pg_available_extensions where name = 'vector')",
            &[],
        )
        .await
        .map_err(|e| Fault::from_postgres(e, link.side()))?;
    let took = asked.elapsed().as_secs_f64();
    let (number, version): (i32, String) = (row.get(0), row.get(1));
    match number / 10_000 {
        14..=18 => findings.ok("version", format!("PostgreSQL {version}, answers in {:.1} ms", took * 1000.0)),
        _ => findings.warn("version", format!("PostgreSQL {version}"), "14 to 18 are what robbie is tested with"),
    }
    let here = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64());
    clock(findings, row.get::<_, f64>(2) - (here - took / 2.0));
    if row.get::<_, bool>(3) {
        let remedy = "name the primary, or all hosts with target_session_attrs=read-write";
        findings.warn("writes", "the server is a standby: nothing can be written", remedy);
    } else if link.target().read_only {
        findings.ok("writes", "turned off by --read-only or the profile");
    }
    match (row.get::<_, Option<String>>(4), row.get::<_, bool>(5)) {
        (Some(version), _) => findings.ok("pgvector", version),
        (None, true) => {
            findings.warn(
                "pgvector",
                "not in this database",
                "robbie schema migrate creates it (or: create extension vector)",
            );
        }
        (None, false) => findings.warn(
            "pgvector",
            "not installed on the server: conversations have no similarity search",
            "install the package postgresql-NN-pgvector on the server, or turn it on at the provider",
        ),
    }
    Ok(())
}

fn clock(findings: &mut Findings, offset: f64) {
    let found = format!("{offset:+.1} s against this machine");
    if offset.abs() <= CLOCK_TOLERANCE {
        findings.ok("clock", found);
    } else {
        findings.warn("clock", found, "turn NTP on here and there: which change is newer is judged by the clocks");
    }
}

async fn rights(findings: &mut Findings, link: &Link, client: &Client) -> Result<(), Fault> {
    let row = client
        .query_one(
            "select current_user::text, \
               (select rolsuper from pg_catalog.pg_roles where rolname = current_user), \
               has_schema_privilege('public', 'USAGE, CREATE'), \
               has_database_privilege(current_database(), 'CREATE'), \
               array(select format('%I.%I', n.nspname, c.relname) from pg_catalog.pg_class c \
                     join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
                     where c.relkind in ('r', 'p') and (n.nspname = 'robbie_sync' or n.nspname = 'public' and c.relname = any ($1)) \
                       and not has_table_privilege(c.oid, 'SELECT') order by 1), \
               array(select format('%I.%I', n.nspname, c.relname) from pg_catalog.pg_class c \
                     join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
                     where c.relkind in ('r', 'p') and (n.nspname = 'robbie_sync' or n.nspname = 'public' and c.relname = any ($1)) \
                       and not (has_table_privilege(c.oid, 'INSERT') and has_table_privilege(c.oid, 'UPDATE') \
                                and has_table_privilege(c.oid, 'DELETE')) order by 1)",
            &[&TABLES],
        )
        .await
        .map_err(|e| Fault::from_postgres(e, link.side()))?;
    let (role, superuser): (String, bool) = (row.get(0), row.get(1));
    let (unreadable, unwritable): (Vec<String>, Vec<String>) = (row.get(4), row.get(5));
    if superuser && link.side() == Side::Master {
        findings.warn(
            "role",
            format!("{role} is a superuser"),
            "an ordinary role that owns the tables is enough, and safer",
        );
    } else {
        findings.ok("role", role.clone());
    }
    if !unreadable.is_empty() {
        let remedy = format!("grant select on {} to {role}", unreadable.join(", "));
        let fault = Fault::new(Kind::Privilege, format!("{} cannot be read", unreadable.join(", ")));
        findings.fail("rights", &fault.remedy(remedy));
    }
    if !unwritable.is_empty() && !link.target().read_only {
        let remedy = format!("grant insert, update, delete on {} to {role}", unwritable.join(", "));
        findings.warn("rights", format!("{} cannot be written", unwritable.join(", ")), remedy);
    }
    if !(row.get::<_, bool>(2) && row.get::<_, bool>(3)) {
        let remedy = format!("for `robbie schema migrate`: grant create on database and on schema public to {role}");
        findings.warn("rights", "no tables or schemas can be created", remedy);
    } else if unreadable.is_empty() && unwritable.is_empty() {
        findings.ok("rights", "tables can be read, written and created");
    }
    Ok(())
}

/// The deployed tables that sync reads and writes on either side.
const TABLES: &[&str] = &[
    "pending_sync",
    "code_conversations",
    "code_messages",
    "code_blocks",
    "learned_patterns",
    "robbie_personality_state",
    "user_id_mapping",
];

async fn migrations(findings: &mut Findings, link: &Link, client: &Client) -> Result<(), Fault> {
    let side = link.side();
    let all = schema::status(client, side, Schema::of(side)).await?;
    let of = |states: &[State]| {
        all.iter().filter(|m| states.contains(&m.state)).map(|m| m.name.as_str()).collect::<Vec<_>>()
    };
    let pending = of(&[State::Pending, State::Redefined]);
    let (applied, altered) = (of(&[State::Applied]), of(&[State::Altered]));
    if !altered.is_empty() {
        let fault = Fault::new(Kind::Schema, format!("changed after they were applied: {}", altered.join(", ")));
        findings.fail(
            "schema",
            &fault.remedy("`robbie schema status` shows the checksums; use the binary that applied them"),
        );
    }
    if pending.is_empty() {
        findings.ok("schema", format!("{} migrations, all applied", applied.len()));
    } else {
        let remedy = format!("robbie schema migrate --target {side}");
        findings.warn("schema", format!("migrations to come: {}", pending.join(", ")), remedy);
    }
    if applied.is_empty() {
        findings.add("triggers", Level::Skipped, "robbie_sync is not there yet");
        return Ok(());
    }
    triggers(findings, link, client).await
}

/// Without them, changes happen that nobody notices.
async fn triggers(findings: &mut Findings, link: &Link, client: &Client) -> Result<(), Fault> {
    let (statement, what) = match link.side() {
        Side::Master => (
            "select count(*), coalesce(string_agg(t.tbl, ', ' order by t.tbl) filter (where not exists ( \
               select from pg_catalog.pg_trigger g where g.tgrelid = to_regclass('public.' || quote_ident(t.tbl)) \
                 and g.tgname like 'robbie\\_capture\\_%' and g.tgenabled <> 'D')), '') \
             from robbie_sync.synced_table t",
            "changes are captured on",
        ),
        Side::Replica => (
            "select 1::bigint, case when exists (select from pg_catalog.pg_trigger \
               where tgrelid = to_regclass('public.pending_sync') and tgname = 'robbie_queued' and tgenabled <> 'D') \
             then '' else 'pending_sync' end",
            "queued entries are noticed on",
        ),
    };
    let row = client.query_one(statement, &[]).await.map_err(|e| Fault::from_postgres(e, link.side()))?;
    let (tables, without): (i64, String) = (row.get(0), row.get(1));
    if !without.is_empty() {
        let remedy = format!("robbie schema migrate --target {} puts them back", link.side());
        findings.warn("triggers", format!("missing or disabled on {without}"), remedy);
    } else if tables == 0 {
        findings.warn("triggers", "no table is synced", "robbie schema migrate --target master");
    } else {
        findings.ok("triggers", format!("{what} {tables} table{}", if tables == 1 { "" } else { "s" }));
    }
    Ok(())
}

/// A proxy that gives every transaction another session loses LISTEN and session settings.
async fn notifications(findings: &mut Findings, link: &Link, client: &Client) {
    let remedy = "connect to the server itself, or use the proxy's session mode; robbie then asks at intervals instead";
    match heard(link, client).await {
        Ok(true) => findings.ok("notify", "notifications arrive"),
        Ok(false) => findings.warn("notify", "notifications do not arrive: a proxy in transaction mode?", remedy),
        Err(fault) if fault.sqlstate.as_deref() == Some("25006") => {
            findings.add("notify", Level::Skipped, "a standby has no notifications");
        }
        Err(fault) => findings.warn("notify", fault.message, remedy),
    }
}

async fn heard(link: &Link, client: &Client) -> Result<bool, Fault> {
    let judge = |e| Fault::from_postgres(e, link.side());
    let channel = format!("robbie_doctor_{}", std::process::id());
    let mut receiver = link.listen(&[&channel]).await?;
    client.execute("select pg_notify($1, '')", &[&channel]).await.map_err(judge)?;
    let heard = tokio::time::timeout(Duration::from_secs(2), receiver.recv()).await;
    // A session's settings must still be there in its next transaction.
    let own = Session::new("doctor").limits(Duration::from_millis(4321), Duration::from_secs(10));
    let session = link.dedicated_with(&own).await?;
    let row = session.query_one("select current_setting('lock_timeout')", &[]).await.map_err(judge)?;
    Ok(matches!(heard, Ok(Some(_))) && row.get::<_, String>(0) == "4321ms")
}
