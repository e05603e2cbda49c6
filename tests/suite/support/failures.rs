//! Failures of known families: what PostgreSQL, its drivers and a worker say, with values that differ from row to row.
//!
//! The family of each is known, so that groups can be compared with the truth. Families differ by an object's name, a type, a code or
//! the table of the entry; texts of one family by values only. The names are look-alikes: `c1` to `c17`, `t_2024` and `t_2025`.

use std::collections::HashSet;
use tokio_postgres::Client;

/// A failure and the family it belongs to.
pub struct Failure {
    pub table: &'static str,
    pub error: String,
    pub family: usize,
}

/// Values that look alike for one `n` and differ for another, without a generator of chance to seed.
struct Values(u64);

impl Values {
    fn bits(&self, salt: u64) -> u64 {
        // SplitMix64's mixing.
        let mut z = (self.0 ^ salt.rotate_left(32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z ^ (z >> 27)
    }
    fn uuid(&self) -> uuid::Uuid {
        uuid::Uuid::from_u64_pair(self.bits(1), self.bits(2))
    }
    fn number(&self) -> u64 {
        self.bits(3) % 10_u64.pow(4 + (self.0 % 9) as u32)
    }
    /// A text with what breaks naive masks: quotes, parentheses, blanks, words of messages, other scripts.
    fn text(&self) -> String {
        let odd =
            ["", "it's ", "a \"b\" ", "(x ", ") y ", "тест ", "a = b ", "🤖 ", "relation ", "[1,3) ", "- ", "= ("];
        format!("{}{:x}", odd[(self.0 % odd.len() as u64) as usize], self.bits(4) % 0xfff_ffff)
    }
    fn time(&self) -> String {
        let zone = ["Z", "+00", "+05:30", ""][(self.0 % 4) as usize];
        let [month, day, hour] = [self.bits(5) % 12 + 1, self.bits(6) % 28 + 1, self.bits(7) % 24];
        format!("2026-{month:02}-{day:02}T{hour:02}:{:02}:00{zone}", self.number() % 60)
    }
}

type Family = (&'static str, Box<dyn Fn(&Values) -> String>);

fn families() -> Vec<Family> {
    let mut all: Vec<Family> = Vec::new();
    let mut add = |table, text: Box<dyn Fn(&Values) -> String>| all.push((table, text));
    for n in 1..=17 {
        add(
            "code_messages",
            Box::new(move |_| format!("column \"c{n}\" of relation \"code_messages\" does not exist")),
        );
        add(
            "code_messages",
            Box::new(move |v| {
                format!(
                    "null value in column \"c{n}\" of relation \"code_messages\" violates not-null constraint\nDETAIL:  Failing row contains ({}, {}, null, {}).",
                    v.uuid(),
                    v.text(),
                    v.number()
                )
            }),
        );
        add(
            "code_messages",
            Box::new(move |v| {
                format!(
                    "value too long for type character varying({n})\nCONTEXT:  COPY code_messages, line {}, column c: \"{}\"",
                    v.number(),
                    v.text()
                )
            }),
        );
    }
    for table in ["t_2024", "t_2025", "t_20240"] {
        add("code_messages", Box::new(move |_| format!("relation \"{table}\" does not exist")));
        add(
            "code_messages",
            Box::new(move |v| {
                format!(
                    "insert or update on table \"{table}\" violates foreign key constraint \"{table}_fk\"\nDETAIL:  Key (parent_1, parent_2)=({}, {}) is not present in table \"{table}\".",
                    v.uuid(),
                    v.text()
                )
            }),
        );
        add(
            "code_messages",
            Box::new(move |v| {
                format!(
                    "duplicate key value violates unique constraint \"{table}_key\"\nDETAIL:  Key (name)=({}) already exists.",
                    v.text()
                )
            }),
        );
        add(
            "code_messages",
            Box::new(move |v| {
                format!(
                    "[23505] duplicate key value violates unique constraint \"{table}_pkey\" — Key (id)=({}) already exists.",
                    v.uuid()
                )
            }),
        );
    }
    for table in ["code_messages", "code_conversations"] {
        add(table, Box::new(|v| format!("invalid input syntax for type uuid: \"{}\"", v.text())));
        add(table, Box::new(|v| format!("invalid input value for enum mood: \"{}\"", v.text())));
        add(table, Box::new(|v| format!("no row {} in reach", v.uuid())));
        add(table, Box::new(|_| "deadlock detected".to_owned()));
    }
    for kind in ["mood", "mood2"] {
        add("learned_patterns", Box::new(move |v| format!("invalid input value for enum {kind}: \"{}\"", v.text())));
    }
    for dimensions in [768, 1536] {
        add("learned_patterns", Box::new(move |v| format!("expected {dimensions} dimensions, not {}", v.number())));
    }
    for precision in [5, 7] {
        add(
            "learned_patterns",
            Box::new(move |_| {
                format!(
                    "numeric field overflow\nDETAIL:  A field with precision {precision}, scale 2 must round to an absolute value less than 10^3."
                )
            }),
        );
    }
    for kind in ["integer", "bigint", "smallint"] {
        add("learned_patterns", Box::new(move |v| format!("value \"{}\" is out of range for type {kind}", v.number())));
        add("learned_patterns", Box::new(move |v| format!("invalid input syntax for type {kind}: \"{}\"", v.text())));
    }
    for user in ["guest", "guest1", "guest2"] {
        add("learned_patterns", Box::new(move |_| format!("no mapping for user '{user}'")));
    }
    add(
        "learned_patterns",
        Box::new(|v| format!("\"{}e{}\" is out of range for type double precision", v.number(), 400 + v.0 % 99)),
    );
    add("learned_patterns", Box::new(|v| format!("date/time field value out of range: \"{}\"", v.time())));
    add("learned_patterns", Box::new(|v| format!("the row was changed at {} by somebody else", v.time())));
    add("learned_patterns", Box::new(|v| format!("timeout of {}ms exceeded", v.number())));
    add(
        "learned_patterns",
        Box::new(|v| {
            format!("connect ECONNREFUSED 10.{}.{}.7:{}", v.0 % 200, v.number() % 250, 1024 + v.number() % 60_000)
        }),
    );
    add(
        "learned_patterns",
        Box::new(|v| {
            let bytes: Vec<String> = (0..=v.0 % 4).map(|n| format!("0x{:02x}", v.bits(n) % 256)).collect();
            format!("invalid byte sequence for encoding \"UTF8\": {}", bytes.join(" "))
        }),
    );
    add(
        "learned_patterns",
        Box::new(|v| {
            let (a, b) = (v.number(), v.bits(9) % 99_999);
            format!(
                "could not serialize access due to concurrent update\nDETAIL:  Process {a} waits for ShareLock on transaction {b}; blocked by process {}.",
                a + 1
            )
        }),
    );
    add(
        "learned_patterns",
        Box::new(|v| {
            format!(
                "invalid input syntax for type json\nDETAIL:  Token \"{:x}\" is invalid.\nCONTEXT:  JSON data, line {}: {{\"a\": {}...",
                v.number(),
                v.number(),
                v.text()
            )
        }),
    );
    add(
        "learned_patterns",
        Box::new(|v| {
            let (low, high) = (v.number(), v.number() + 5);
            format!(
                "conflicting key value violates exclusion constraint \"no_overlap\"\nDETAIL:  Key (room, during)=({low}, [{low},{high})) conflicts with existing key (room, during)=({low}, [{},{high}]).",
                low + 1
            )
        }),
    );
    add(
        "learned_patterns",
        Box::new(|v| {
            format!("index row size {} exceeds btree version 4 maximum 2704 for index \"idx_error\"", 2705 + v.number())
        }),
    );
    add(
        "learned_patterns",
        Box::new(|v| {
            format!(
                "new row for relation \"learned_patterns\" violates check constraint \"c_2\"\nDETAIL:  Failing row contains ({}, {}, {}).",
                v.uuid(),
                v.text(),
                v.time()
            )
        }),
    );
    add("learned_patterns", Box::new(|v| format!("name = '{:x}' was refused", v.number())));
    add(
        "learned_patterns",
        Box::new(|v| {
            format!("refused {{\"id\": \"{}\", \"n\": {}, \"t\": \"a\\\"{:x}\"}}", v.uuid(), v.number(), v.bits(8))
        }),
    );
    all
}

/// `count` failures, of which `distinct` differ in their text, and how many families they are.
pub fn failures(count: usize, distinct: usize) -> (Vec<Failure>, usize) {
    let families = families();
    let mut seen = HashSet::new();
    let mut texts: Vec<(usize, String)> = Vec::with_capacity(distinct);
    let mut n = 0;
    while texts.len() < distinct {
        // Families without values give one text, and the next ones fill up.
        let family = n % families.len();
        let text = families[family].1(&Values(n as u64));
        if seen.insert((families[family].0, text.clone())) {
            texts.push((family, text));
        }
        n += 1;
    }
    let failure = |n: usize| {
        let (family, text) = &texts[n % texts.len()];
        Failure { table: families[*family].0, error: text.clone(), family: *family }
    };
    ((0..count).map(failure).collect(), families.len())
}

/// Queues them; an entry's family stands in its payload.
pub async fn queue(client: &Client, failures: &[Failure]) {
    for chunk in failures.chunks(10_000) {
        let tables: Vec<&str> = chunk.iter().map(|f| f.table).collect();
        let errors: Vec<&str> = chunk.iter().map(|f| f.error.as_str()).collect();
        let families: Vec<i64> = chunk.iter().map(|f| f.family as i64).collect();
        client
            .execute(
                "insert into pending_sync (table_name, operation, data, error)
                 select t, 'INSERT', jsonb_build_object('id', gen_random_uuid(), 'family', f), e
                 from unnest($1::text[], $2::text[], $3::int8[]) as failure(t, e, f)",
                &[&tables, &errors, &families],
            )
            .await
            .unwrap();
    }
    client.batch_execute("analyze pending_sync").await.unwrap();
}
