//! Which conversations are listed, and how many there are of each sort.

use super::{Kind, Shape, rows};
use crate::postgres::statement::{Statement, Value};
use crate::postgres::{Fault, Link};

/// What narrows a list of conversations; every part that is there must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The user, as a text id.
    pub user: Option<String>,
    /// `code`, `chat`, `debug`, `refactor`.
    pub context: Option<String>,
    /// The language of one of its code blocks.
    pub language: Option<String>,
    /// Its last message is not before this (a timestamp as PostgreSQL reads it).
    pub since: Option<String>,
    /// Its last message is before this.
    pub until: Option<String>,
    /// Whether it has code blocks, or fenced code in a message.
    pub has_code: Option<bool>,
    /// What its title holds.
    pub title: Option<String>,
}

/// When a conversation last moved. Never NULL, so that it can be paged by.
pub(super) fn moved(shape: &Shape, alias: &str) -> String {
    let column = |name| shape.column(Kind::Conversation, alias, name, "timestamptz");
    format!(
        "coalesce({}::timestamptz, {}::timestamptz, '0001-01-01 00:00:00+00'::timestamptz)",
        column("last_message_at"),
        column("created_at")
    )
}

/// Whether the conversation `c` has code.
pub(super) fn has_code(shape: &Shape) -> String {
    let block = shape
        .has_column("code_blocks", "conversation_id")
        .then_some("EXISTS (SELECT FROM public.code_blocks b WHERE b.conversation_id = c.id)".to_owned());
    let fence = shape.has_column("code_messages", "conversation_id").then_some(
        "EXISTS (SELECT FROM public.code_messages m WHERE m.conversation_id = c.id AND strpos(m.content, '```') > 0)"
            .to_owned(),
    );
    let parts: Vec<String> = block.into_iter().chain(fence).collect();
    if parts.is_empty() { "false".to_owned() } else { format!("({})", parts.join(" OR ")) }
}

impl Filter {
    /// Whether everything passes.
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }
    /// Adds the condition on the conversation `c`, without `WHERE`.
    pub(super) fn condition(&self, shape: &Shape, out: &mut Statement) {
        out.push("true");
        if let Some(user) = &self.user {
            out.push(" AND ").push(&shape.user(Kind::Conversation, "c")).push(" = ").text_value(user.clone());
        }
        if let Some(context) = &self.context {
            let column = shape.column(Kind::Conversation, "c", "context_type", "text");
            out.push(" AND ").push(&column).push(" = ").text_value(context.clone());
        }
        if let Some(language) = &self.language {
            if shape.has_column("code_blocks", "conversation_id") && shape.has_column("code_blocks", "language") {
                out.push(" AND EXISTS (SELECT FROM public.code_blocks b WHERE b.conversation_id = c.id AND lower(b.language) = lower(");
                out.text_value(language.clone()).push("))");
            } else {
                out.push(" AND false");
            }
        }
        for (moment, sign) in [(&self.since, ">="), (&self.until, "<")] {
            if let Some(moment) = moment {
                out.push(" AND ").push(&moved(shape, "c")).push(" ").push(sign).push(" ");
                out.text_value(moment.clone()).push("::text::timestamptz");
            }
        }
        if let Some(wanted) = self.has_code {
            out.push(if wanted { " AND " } else { " AND NOT " }).push(&has_code(shape));
        }
        if let Some(title) = &self.title {
            let column = shape.column(Kind::Conversation, "c", "title", "text");
            out.push(" AND strpos(lower(coalesce(").push(&column).push(", '')), lower(");
            out.text_value(title.clone()).push(")) > 0");
        }
    }
}

/// What there is to choose from, the most frequent first.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Facets {
    /// Users with how many conversations each has.
    pub users: Vec<(String, i64)>,
    /// Context types.
    pub contexts: Vec<(String, i64)>,
    /// Languages of code blocks.
    pub languages: Vec<(String, i64)>,
}

/// How many values of a facet are listed.
const MOST: i64 = 50;

/// Counts what there is under a filter. Each facet is counted as if it chose nothing itself, so that one sees what else
/// could be chosen.
pub async fn facets(link: &Link, shape: &Shape, filter: &Filter) -> Result<Facets, Fault> {
    let of = |column: String, join: &str, without: Filter| {
        let mut out = Statement::new("SELECT ");
        out.push(&column).push("::text AS value, count(DISTINCT c.id) FROM public.code_conversations c ").push(join);
        out.push(" WHERE ");
        without.condition(shape, &mut out);
        out.push(" AND ")
            .push(&column)
            .push(" IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ")
            .bind(Value::Int(MOST));
        out
    };
    let client = link.session().await?;
    let ask = async |statement: Statement| -> Result<Vec<(String, i64)>, Fault> {
        Ok(rows(&client, link, &statement).await?.iter().map(|r| (r.get(0), r.get(1))).collect())
    };
    let users = of(shape.user(Kind::Conversation, "c"), "", Filter { user: None, ..filter.clone() });
    let context = shape.column(Kind::Conversation, "c", "context_type", "text");
    let contexts = of(context, "", Filter { context: None, ..filter.clone() });
    let languages = async {
        if !shape.has_column("code_blocks", "conversation_id") {
            return Ok(Vec::new());
        }
        let language = format!("lower({})", shape.column(Kind::Block, "l", "language", "text"));
        let join = "JOIN public.code_blocks l ON l.conversation_id = c.id";
        ask(of(language, join, Filter { language: None, ..filter.clone() })).await
    };
    let (users, contexts, languages) = tokio::try_join!(ask(users), ask(contexts), languages)?;
    Ok(Facets { users, contexts, languages })
}
