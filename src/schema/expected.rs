//! Which tables each schema has, by the file that defines them, and the columns where a part of them is not enough.

use super::Family;

/// One file of a schema and the tables it makes.
pub(super) struct File {
    pub name: &'static str,
    pub tables: &'static [&'static str],
}

const fn file(name: &'static str, tables: &'static [&'static str]) -> File {
    File { name, tables }
}

/// The four tables of code intelligence.
pub(super) const CODE: [&str; 4] = ["code_conversations", "code_messages", "code_blocks", "learned_patterns"];

/// The columns that every writer of the queue relies on.
pub(super) const QUEUE: [&str; 9] =
    ["id", "table_name", "operation", "data", "created_at", "synced_at", "error", "retry_count", "last_retry"];

const SMART_ROBBIE: &[File] = &[
    file(
        "init-smart-robbie",
        &["code_conversations", "code_messages", "code_blocks", "learned_patterns", "robbie_personality_state"],
    ),
    file("pending-sync", &["pending_sync"]),
];

const MAIN_AURORA: &[File] = &[file(
    "schema",
    &[
        "users",
        "conversations",
        "messages",
        "mentors",
        "feature_requests",
        "feedback",
        "sticky_notes",
        "priorities",
        "deals",
        "companies",
        "contacts",
        "meetings",
        "emails",
        "tasks",
        "robbie_personality_state",
        "mood_transitions",
    ],
)];

const UNIFIED: &[File] = &[
    file("01-core", &["users", "api_keys", "sessions", "system_config"]),
    file(
        "02-conversations",
        &["conversations", "messages", "ai_memories", "ai_mentors", "conversation_context", "conversation_analytics"],
    ),
    file(
        "03-vectors-rag",
        &[
            "embeddings",
            "knowledge_base",
            "documents",
            "search_history",
            "embedding_collections",
            "embedding_collection_items",
            "embedding_cache",
        ],
    ),
    file("04-enhanced-business-tables", &["contacts", "deals", "activities", "deal_contacts"]),
    file("05-town-separation", &["town_users"]),
    file(
        "06-testpilot-simulations",
        &[
            "testpilot_simulations",
            "deal_simulations",
            "simulation_scenarios",
            "simulation_executions",
            "simulation_templates",
        ],
    ),
    file(
        "07-data-sharing-strategy",
        &["shared_knowledge_base", "shared_enriched_records", "shared_market_intelligence"],
    ),
    file(
        "08-universal-ai-state",
        &[
            "ai_personalities",
            "ai_personality_instances",
            "ai_personality_state",
            "ai_state_history",
            "ai_conversation_contexts",
            "ai_working_memory",
            "ai_commitments",
            "ai_commitment_reminders",
            "ai_calendar_events",
            "ai_calendar_reminders",
            "ai_activity_log",
            "ai_sync_queue",
            "ai_notifications",
            "ai_notification_delivery",
            "ai_behavior_effectiveness",
        ],
    ),
    file(
        "09-google-workspace-sync",
        &[
            "google_workspace_domains",
            "google_workspace_users",
            "gmail_messages",
            "gmail_attachments",
            "calendar_events",
            "drive_files",
            "google_tasks",
            "google_contacts",
            "google_sync_jobs",
            "google_data_access_rules",
        ],
    ),
    file("11-tenancy", &["companies", "towns", "company_towns", "company_members"]),
    file("13-slack", &["slack_workspaces", "slack_users", "slack_channels", "slack_messages"]),
    file(
        "14-service_tables",
        &[
            "user_sessions",
            "widgets",
            "widget_usage",
            "training_jobs",
            "secrets",
            "api_connectivity_status",
            "sync_registry",
        ],
    ),
    file("16-audit_log", &["audit_log"]),
    file("17-crm-entities", &["crm_contacts", "crm_companies", "crm_deals", "crm_emails"]),
    file(
        "18-linkedin-integration",
        &["linkedin_profiles", "linkedin_posts", "linkedin_messages", "linkedin_activity", "linkedin_sync_status"],
    ),
    file(
        "19-interactions-database",
        &[
            "interactions",
            "website_activity",
            "email_engagement",
            "engagement_rules",
            "person_engagement_scores",
            "company_engagement_scores",
        ],
    ),
];

/// The files of a family that is one schema; of one that is not, those of the unified schema.
pub(super) fn files(family: Family) -> &'static [File] {
    match family {
        Family::SmartRobbie => SMART_ROBBIE,
        Family::MainAurora => MAIN_AURORA,
        Family::Unified | Family::Mixed | Family::Other | Family::Empty => UNIFIED,
    }
}

/// The columns that a table of this name has wherever it is deployed; none where the deployed shapes differ.
pub(super) fn columns(table: &str) -> &'static [&'static str] {
    match table {
        "code_conversations" => &["id", "user_id", "session_id", "title", "context_type", "created_at", "updated_at"],
        "code_messages" => &["id", "conversation_id", "role", "content", "embedding", "created_at", "metadata"],
        "code_blocks" => &["id", "file_path", "language", "content", "embedding", "session_id", "created_at"],
        "learned_patterns" => {
            &["id", "user_id", "pattern_type", "pattern_name", "example_code", "embedding", "frequency"]
        }
        "robbie_personality_state" => &["id", "user_id", "current_mood", "updated_at"],
        "pending_sync" => &QUEUE,
        "users" => &["id", "username", "email", "created_at", "updated_at"],
        _ => &[],
    }
}

/// Tables that only the unified schema has.
pub(super) const UNIFIED_MARKS: [&str; 14] = [
    "api_keys",
    "system_config",
    "audit_log",
    "ai_memories",
    "ai_mentors",
    "embeddings",
    "knowledge_base",
    "towns",
    "company_towns",
    "slack_workspaces",
    "google_workspace_domains",
    "crm_contacts",
    "sync_nodes",
    "user_id_mapping",
];

/// Tables that only the original schema has.
pub(super) const AURORA_MARKS: [&str; 3] = ["mentors", "feature_requests", "feedback"];
