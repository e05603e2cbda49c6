-- The state of every assistant over all its interfaces: personality, memory, commitments, calendar, notifications.

SELECT robbie_sync.begin_tables();

CREATE TABLE IF NOT EXISTS ai_personalities (
    id          text PRIMARY KEY,
    name        text NOT NULL,
    role        text NOT NULL,
    description text,
    base_traits jsonb,
    created_at  timestamptz DEFAULT CURRENT_TIMESTAMP,
    active      boolean DEFAULT true,
    updated_at  timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS ai_personality_instances (
    id             text PRIMARY KEY,
    personality_id text NOT NULL,
    interface_type text NOT NULL,
    interface_id   text NOT NULL,
    user_id        text,
    started_at     timestamptz DEFAULT CURRENT_TIMESTAMP,
    last_active    timestamptz,
    status         text,
    created_at     timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at     timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS ai_personality_state (
    personality_id    text PRIMARY KEY,
    current_mood      integer,
    current_mode      text,
    energy_level      text,
    focus_state       text,
    last_state_change timestamptz,
    state_metadata    jsonb,
    updated_at        timestamptz DEFAULT CURRENT_TIMESTAMP,
    created_at        timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS ai_state_history (
    id               serial PRIMARY KEY,
    personality_id   text NOT NULL,
    old_state        jsonb,
    new_state        jsonb,
    change_reason    text,
    changed_by       text,
    interface_source text,
    "timestamp"      timestamptz DEFAULT CURRENT_TIMESTAMP,
    created_at       timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS ai_conversation_contexts (
    id                   text PRIMARY KEY,
    personality_id       text NOT NULL,
    user_id              text NOT NULL,
    interface_type       text NOT NULL,
    conversation_summary text,
    active_topics        jsonb,
    last_messages        jsonb,
    started_at           timestamptz DEFAULT CURRENT_TIMESTAMP,
    last_message_at      timestamptz,
    status               text,
    created_at           timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at           timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS ai_working_memory (
    id             serial PRIMARY KEY,
    personality_id text NOT NULL,
    memory_type    text NOT NULL,
    content        text NOT NULL,
    priority       integer,
    expires_at     timestamptz,
    metadata       jsonb DEFAULT '{}',
    created_at     timestamptz DEFAULT CURRENT_TIMESTAMP,
    reminded       boolean DEFAULT false,
    updated_at     timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS ai_commitments (
    id              text PRIMARY KEY,
    personality_id  text NOT NULL,
    commitment_text text NOT NULL,
    committed_to    text,
    deadline        timestamptz NOT NULL,
    status          text,
    priority        integer,
    progress_notes  jsonb,
    created_at      timestamptz DEFAULT CURRENT_TIMESTAMP,
    created_by      text,
    completed_at    timestamptz,
    updated_at      timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS ai_commitment_reminders (
    id                  serial PRIMARY KEY,
    commitment_id       text NOT NULL,
    remind_at           timestamptz NOT NULL,
    reminder_type       text,
    sent                boolean DEFAULT false,
    sent_at             timestamptz,
    interfaces_notified jsonb,
    created_at          timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at          timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS ai_calendar_events (
    id                     text PRIMARY KEY,
    event_title            text NOT NULL,
    event_description      text,
    start_time             timestamptz NOT NULL,
    end_time               timestamptz,
    location               text,
    event_type             text,
    attendees              jsonb,
    preparation_notes      text,
    relevant_personalities jsonb,
    created_at             timestamptz DEFAULT CURRENT_TIMESTAMP,
    external_id            text,
    source                 text,
    updated_at             timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS ai_calendar_reminders (
    id             serial PRIMARY KEY,
    event_id       text NOT NULL,
    personality_id text NOT NULL,
    interface_type text NOT NULL,
    reminded_at    timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    minutes_before integer,
    response       text,
    created_at     timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at     timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS ai_activity_log (
    id             serial PRIMARY KEY,
    personality_id text NOT NULL,
    interface_type text NOT NULL,
    interface_id   text NOT NULL,
    activity_type  text NOT NULL,
    activity_data  jsonb,
    user_id        text,
    "timestamp"    timestamptz DEFAULT CURRENT_TIMESTAMP,
    created_at     timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS ai_sync_queue (
    id                serial PRIMARY KEY,
    personality_id    text NOT NULL,
    source_interface  text NOT NULL,
    target_interfaces jsonb,
    sync_type         text NOT NULL,
    payload           jsonb NOT NULL,
    priority          integer,
    created_at        timestamptz DEFAULT CURRENT_TIMESTAMP,
    processed         boolean DEFAULT false,
    processed_at      timestamptz,
    updated_at        timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS ai_notifications (
    id                text PRIMARY KEY,
    personality_id    text NOT NULL,
    notification_type text NOT NULL,
    title             text NOT NULL,
    message           text NOT NULL,
    action_required   boolean DEFAULT false,
    action_url        text,
    target_interfaces jsonb,
    priority          integer,
    created_at        timestamptz DEFAULT CURRENT_TIMESTAMP,
    expires_at        timestamptz,
    updated_at        timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS ai_notification_delivery (
    id              serial PRIMARY KEY,
    notification_id text NOT NULL,
    interface_type  text NOT NULL,
    interface_id    text NOT NULL,
    delivered_at    timestamptz,
    acknowledged    boolean DEFAULT false,
    acknowledged_at timestamptz,
    user_response   text,
    created_at      timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at      timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS ai_behavior_effectiveness (
    id                  serial PRIMARY KEY,
    personality_id      text NOT NULL,
    behavior_type       text NOT NULL,
    context             jsonb,
    outcome             jsonb,
    effectiveness_score real,
    interface_type      text,
    "timestamp"         timestamptz DEFAULT CURRENT_TIMESTAMP,
    created_at          timestamptz DEFAULT CURRENT_TIMESTAMP
);

SELECT robbie_sync.settle_tables();

SELECT robbie_sync.refer('ai_personality_instances', 'personality_id', 'ai_personalities', 'CASCADE'),
       robbie_sync.refer('ai_personality_state', 'personality_id', 'ai_personalities', 'CASCADE'),
       robbie_sync.refer('ai_state_history', 'personality_id', 'ai_personalities', 'CASCADE'),
       robbie_sync.refer('ai_conversation_contexts', 'personality_id', 'ai_personalities', 'CASCADE'),
       robbie_sync.refer('ai_working_memory', 'personality_id', 'ai_personalities', 'CASCADE'),
       robbie_sync.refer('ai_commitments', 'personality_id', 'ai_personalities', 'CASCADE'),
       robbie_sync.refer('ai_commitment_reminders', 'commitment_id', 'ai_commitments', 'CASCADE'),
       robbie_sync.refer('ai_calendar_reminders', 'event_id', 'ai_calendar_events', 'CASCADE'),
       robbie_sync.refer('ai_calendar_reminders', 'personality_id', 'ai_personalities', 'CASCADE'),
       robbie_sync.refer('ai_activity_log', 'personality_id', 'ai_personalities', 'CASCADE'),
       robbie_sync.refer('ai_sync_queue', 'personality_id', 'ai_personalities', 'CASCADE'),
       robbie_sync.refer('ai_notifications', 'personality_id', 'ai_personalities', 'CASCADE'),
       robbie_sync.refer('ai_notification_delivery', 'notification_id', 'ai_notifications', 'CASCADE'),
       robbie_sync.refer('ai_behavior_effectiveness', 'personality_id', 'ai_personalities', 'CASCADE');
