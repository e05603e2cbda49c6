-- What towns share with each other: knowledge, enriched records, market intelligence.

SELECT robbie_sync.begin_tables();

CREATE TABLE IF NOT EXISTS shared_knowledge_base (
    id          serial PRIMARY KEY,
    title       varchar(500) NOT NULL,
    content     text,
    category    varchar(100),
    tags        text[],
    source_town varchar(50) NOT NULL,
    created_by  varchar(50) NOT NULL,
    created_at  timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at  timestamptz DEFAULT CURRENT_TIMESTAMP,
    is_public   boolean DEFAULT false,
    embedding   vector(1536),
    metadata    jsonb DEFAULT '{}'
);

CREATE TABLE IF NOT EXISTS shared_enriched_records (
    id                serial PRIMARY KEY,
    record_type       varchar(50) NOT NULL,
    external_id       varchar(255) NOT NULL,
    enrichment_source varchar(100),
    enrichment_data   jsonb NOT NULL,
    enrichment_date   timestamptz,
    source_town       varchar(50) NOT NULL,
    shared_with       text[],
    is_public         boolean DEFAULT false,
    embedding         vector(1536),
    metadata          jsonb DEFAULT '{}',
    created_at        timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at        timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS shared_market_intelligence (
    id                serial PRIMARY KEY,
    company_domain    varchar(255),
    company_name      varchar(255),
    intelligence_type varchar(100),
    intelligence_data jsonb NOT NULL,
    confidence_score  integer,
    source_town       varchar(50) NOT NULL,
    created_at        timestamptz DEFAULT CURRENT_TIMESTAMP,
    is_public         boolean DEFAULT false,
    embedding         vector(1536),
    metadata          jsonb DEFAULT '{}',
    updated_at        timestamptz DEFAULT CURRENT_TIMESTAMP
);

SELECT robbie_sync.settle_tables();
