-- Embeddings, documents and knowledge for retrieval.

SELECT robbie_sync.begin_tables();

CREATE TABLE IF NOT EXISTS embeddings (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    content        text NOT NULL,
    embedding      vector(1536),
    metadata       jsonb DEFAULT '{}',
    source_type    varchar(50)
        CHECK (source_type IN ('document', 'webpage', 'email', 'chat', 'code', 'image_description', 'audio_transcript', 'video_transcript')),
    source_url     text,
    document_id    varchar(255),
    chunk_index    integer,
    chunk_total    integer,
    user_id        uuid,
    is_public      boolean DEFAULT false,
    language       varchar(10),
    created_at     timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at     timestamptz DEFAULT CURRENT_TIMESTAMP,
    accessed_count integer DEFAULT 0,
    last_accessed  timestamptz
);

CREATE TABLE IF NOT EXISTS knowledge_base (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    topic             varchar(255) NOT NULL,
    title             varchar(500),
    content           text NOT NULL,
    summary           text,
    embedding         vector(1536),
    category          varchar(100)
        CHECK (category IN ('technical', 'business', 'personal', 'historical', 'scientific', 'creative', 'reference', 'tutorial')),
    importance_score  integer CHECK (importance_score BETWEEN 1 AND 10),
    confidence_score  double precision CHECK (confidence_score BETWEEN 0 AND 1),
    source_references text[],
    related_topics    text[],
    prerequisites     text[],
    user_id           uuid,
    is_verified       boolean DEFAULT false,
    verified_by       uuid,
    is_public         boolean DEFAULT false,
    view_count        integer DEFAULT 0,
    helpful_count     integer DEFAULT 0,
    created_at        timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at        timestamptz DEFAULT CURRENT_TIMESTAMP,
    expires_at        timestamptz
);

CREATE TABLE IF NOT EXISTS documents (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    filename          varchar(500),
    file_path         text,
    file_hash         varchar(64),
    file_size_bytes   bigint,
    mime_type         varchar(100),
    content_extracted text,
    metadata          jsonb DEFAULT '{}',
    processing_status varchar(50) CHECK (processing_status IN ('pending', 'processing', 'completed', 'failed', 'skipped')),
    processing_error  text,
    chunk_count       integer DEFAULT 0,
    word_count        integer DEFAULT 0,
    page_count        integer DEFAULT 0,
    language          varchar(10),
    user_id           uuid,
    created_at        timestamptz DEFAULT CURRENT_TIMESTAMP,
    processed_at      timestamptz,
    updated_at        timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS search_history (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id           uuid,
    query             text NOT NULL,
    query_embedding   vector(1536),
    search_type       varchar(50) CHECK (search_type IN ('semantic', 'keyword', 'hybrid', 'sql')),
    filters           jsonb,
    results_count     integer DEFAULT 0,
    top_results       jsonb,
    execution_time_ms integer,
    user_feedback     varchar(20) CHECK (user_feedback IN ('helpful', 'not_helpful', 'neutral')),
    created_at        timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at        timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS embedding_collections (
    id          uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name        varchar(255) NOT NULL,
    description text,
    user_id     uuid,
    is_public   boolean DEFAULT false,
    metadata    jsonb DEFAULT '{}',
    created_at  timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at  timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS embedding_collection_items (
    collection_id uuid,
    embedding_id  uuid,
    added_at      timestamptz DEFAULT CURRENT_TIMESTAMP,
    added_by      uuid,
    notes         text,
    created_at    timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at    timestamptz DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (collection_id, embedding_id)
);

CREATE TABLE IF NOT EXISTS embedding_cache (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    cache_key  varchar(255) NOT NULL UNIQUE,
    embedding  vector(1536),
    metadata   jsonb DEFAULT '{}',
    hit_count  integer DEFAULT 0,
    created_at timestamptz DEFAULT CURRENT_TIMESTAMP,
    expires_at timestamptz NOT NULL,
    updated_at timestamptz DEFAULT CURRENT_TIMESTAMP
);

SELECT robbie_sync.settle_tables();

SELECT robbie_sync.refer('embeddings', 'user_id', 'users', 'CASCADE'),
       robbie_sync.refer('knowledge_base', 'user_id', 'users', 'CASCADE'),
       robbie_sync.refer('knowledge_base', 'verified_by', 'users', 'SET NULL'),
       robbie_sync.refer('documents', 'user_id', 'users', 'SET NULL'),
       robbie_sync.refer('search_history', 'user_id', 'users', 'CASCADE'),
       robbie_sync.refer('embedding_collections', 'user_id', 'users', 'CASCADE'),
       robbie_sync.refer('embedding_collection_items', 'collection_id', 'embedding_collections', 'CASCADE'),
       robbie_sync.refer('embedding_collection_items', 'embedding_id', 'embeddings', 'CASCADE'),
       robbie_sync.refer('embedding_collection_items', 'added_by', 'users', 'SET NULL');
