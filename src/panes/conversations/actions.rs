//! What a person can mean in this pane, with keys and help.

use crate::ui::ActionSpec;

/// What a person means in this pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Searches.
    Search,
    /// Another way to search.
    Mode,
    /// More like this.
    Similar,
    /// Chooses what is listed.
    Facets,
    /// Lists everything again.
    Everything,
    /// Another order.
    Sort,
    /// The code blocks.
    Blocks,
    /// The learned patterns.
    Patterns,
    /// The conversation that something stands in.
    Conversation,
    /// As the other side has it.
    OtherSide,
    /// The next message.
    NextMessage,
    /// The message before.
    PreviousMessage,
    /// The next code.
    NextCode,
    /// The code before.
    PreviousCode,
    /// Copies what one is at.
    Copy,
    /// Copies the code one is at.
    CopyCode,
    /// Copies the id.
    CopyId,
    /// Writes to a file.
    Export,
    /// Another title.
    Rename,
    /// Deletes the conversation.
    Delete,
    /// Takes back the last rename or delete.
    Undo,
    /// Reads everything again.
    Refresh,
}

/// The table of them.
pub const ACTIONS: &[ActionSpec<Action>] = &[
    ActionSpec::new(
        Action::Search,
        "search",
        &["/"],
        "search",
        "Search titles, messages, blocks and patterns: words, \"phrases\", OR, -not. Among blocks: lang:rust tag:x session:y and the file",
    ),
    ActionSpec::new(Action::Mode, "search-mode", &["w"], "words/similar", "Search by words, by similarity, or by both"),
    ActionSpec::new(
        Action::Similar,
        "more-like-this",
        &["M"],
        "more like this",
        "Find what is like this message, block or pattern",
    ),
    ActionSpec::new(
        Action::Facets,
        "facets",
        &["f"],
        "facets",
        "Choose the side, user, context, language, code and time that are listed; the type of patterns",
    ),
    ActionSpec::new(Action::Everything, "everything", &["x"], "everything", "List everything again"),
    ActionSpec::new(Action::Sort, "sort", &["o"], "order", "Another order: last message, begun, title, most messages"),
    ActionSpec::new(Action::Blocks, "blocks", &["b"], "blocks", "List the code blocks"),
    ActionSpec::new(Action::Patterns, "patterns", &["P"], "patterns", "List the learned patterns"),
    ActionSpec::new(
        Action::Conversation,
        "conversation",
        &["v"],
        "conversation",
        "Open the conversation that this block stands in",
    ),
    ActionSpec::new(
        Action::OtherSide,
        "other-side",
        &["a"],
        "other side",
        "Read the conversation as the other side has it",
    ),
    ActionSpec::new(Action::NextMessage, "next-message", &["]", "n"], "next message", "To the next message"),
    ActionSpec::new(
        Action::PreviousMessage,
        "previous-message",
        &["[", "N"],
        "message before",
        "To the message before",
    ),
    ActionSpec::new(Action::NextCode, "next-code", &["}", "c"], "next code", "To the next code block"),
    ActionSpec::new(Action::PreviousCode, "previous-code", &["{", "C"], "code before", "To the code block before"),
    ActionSpec::new(Action::Copy, "copy", &["y"], "copy", "Copy the message, block or pattern; in the list the title"),
    ActionSpec::new(Action::CopyCode, "copy-code", &["Y"], "copy code", "Copy the code block"),
    ActionSpec::new(Action::CopyId, "copy-id", &["i"], "copy id", "Copy the id"),
    ActionSpec::new(
        Action::Export,
        "export",
        &["E"],
        "export",
        "Write the conversation to a file: Markdown, or JSON that loses nothing where the name ends in .json",
    ),
    ActionSpec::new(
        Action::Rename,
        "rename",
        &["e"],
        "rename",
        "Give the conversation another title: on the master first, or queued for it",
    ),
    ActionSpec::new(
        Action::Delete,
        "delete",
        &["D"],
        "delete",
        "Delete the conversation with its messages and blocks; it is archived and can be taken back",
    ),
    ActionSpec::new(
        Action::Undo,
        "take-back",
        &["z"],
        "take back",
        "Take back the last rename or delete of this session",
    ),
    ActionSpec::new(Action::Refresh, "refresh", &["R"], "refresh", "Read both sides again now"),
];
