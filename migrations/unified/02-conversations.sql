-- Conversations, their messages, and what the assistants remember of them.

-- The embeddings need it.
SELECT robbie_sync.ensure_vector(needed => true);
SELECT robbie_sync.begin_tables();

CREATE TABLE IF NOT EXISTS conversations (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id          uuid,
    title            varchar(255),
    type             varchar(50) DEFAULT 'chat' CHECK (type IN ('chat', 'support', 'training', 'system', 'vengeance')),
    status           varchar(50) DEFAULT 'active' CHECK (status IN ('active', 'archived', 'deleted')),
    created_at       timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at       timestamptz DEFAULT CURRENT_TIMESTAMP,
    last_message_at  timestamptz,
    message_count    integer DEFAULT 0,
    metadata         jsonb DEFAULT '{}',
    tags             text[],
    importance_score integer CHECK (importance_score BETWEEN 1 AND 10)
);

CREATE TABLE IF NOT EXISTS messages (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    conversation_id   uuid,
    role              varchar(20) NOT NULL CHECK (role IN ('user', 'assistant', 'system', 'gatekeeper', 'mentor', 'robbie')),
    content           text NOT NULL,
    embedding         vector(1536),
    created_at        timestamptz DEFAULT CURRENT_TIMESTAMP,
    edited_at         timestamptz,
    deleted_at        timestamptz,
    metadata          jsonb DEFAULT '{}',
    token_count       integer DEFAULT 0,
    model_used        varchar(100),
    emotional_tone    varchar(50),
    confidence_score  double precision CHECK (confidence_score BETWEEN 0 AND 1),
    parent_message_id uuid,
    reaction_emojis   jsonb,
    is_pinned         boolean DEFAULT false,
    is_flagged        boolean DEFAULT false,
    flag_reason       text,
    updated_at        timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS ai_memories (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id           uuid,
    category          varchar(100) NOT NULL
        CHECK (category IN ('preference', 'fact', 'relationship', 'behavior', 'context', 'skill', 'goal', 'emotion', 'decision', 'feedback')),
    subject           varchar(255) NOT NULL,
    content           text NOT NULL,
    embedding         vector(1536),
    confidence_level  double precision CHECK (confidence_level BETWEEN 0 AND 1),
    importance_level  integer CHECK (importance_level BETWEEN 1 AND 10),
    evidence_count    integer DEFAULT 0,
    evidence_examples text[],
    source_type       varchar(50) CHECK (source_type IN ('conversation', 'observation', 'explicit', 'inferred', 'system')),
    source_references uuid[],
    emotional_weight  integer CHECK (emotional_weight BETWEEN 1 AND 10),
    associated_people text[],
    contextual_tags   text[],
    created_at        timestamptz DEFAULT CURRENT_TIMESTAMP,
    last_accessed     timestamptz,
    last_confirmed    timestamptz,
    access_count      integer DEFAULT 0,
    decay_rate        double precision,
    is_core_memory    boolean DEFAULT false,
    expires_at        timestamptz,
    updated_at        timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS ai_mentors (
    id                 uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name               varchar(100) NOT NULL UNIQUE,
    description        text,
    personality_prompt text,
    avatar_url         varchar(500),
    voice_settings     jsonb,
    behavioral_traits  jsonb,
    knowledge_domains  text[],
    interaction_style  varchar(50) CHECK (interaction_style IN ('formal', 'casual', 'playful', 'professional', 'mentor')),
    emotional_range    jsonb,
    tool_permissions   text[],
    is_active          boolean DEFAULT true,
    created_at         timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at         timestamptz DEFAULT CURRENT_TIMESTAMP,
    metadata           jsonb DEFAULT '{}'
);

CREATE TABLE IF NOT EXISTS conversation_context (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    conversation_id uuid,
    context_key     varchar(255) NOT NULL,
    context_value   jsonb NOT NULL,
    created_at      timestamptz DEFAULT CURRENT_TIMESTAMP,
    expires_at      timestamptz,
    updated_at      timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS conversation_analytics (
    id                      uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    conversation_id         uuid,
    user_satisfaction_score double precision CHECK (user_satisfaction_score BETWEEN 0 AND 5),
    resolution_time_seconds integer,
    interaction_count       integer DEFAULT 0,
    total_tokens_used       integer,
    total_cost_usd          numeric(10,6),
    sentiment_analysis      jsonb,
    key_topics              text[],
    created_at              timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at              timestamptz DEFAULT CURRENT_TIMESTAMP
);

SELECT robbie_sync.settle_tables();

SELECT robbie_sync.refer('conversations', 'user_id', 'users', 'CASCADE'),
       robbie_sync.refer('messages', 'conversation_id', 'conversations', 'CASCADE'),
       robbie_sync.refer('messages', 'parent_message_id', 'messages', 'CASCADE'),
       robbie_sync.refer('ai_memories', 'user_id', 'users', 'CASCADE'),
       robbie_sync.refer('conversation_context', 'conversation_id', 'conversations', 'CASCADE'),
       robbie_sync.refer('conversation_analytics', 'conversation_id', 'conversations', 'CASCADE');
