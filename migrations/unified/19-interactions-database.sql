-- Interactions with people and companies, and the engagement scores made of them.

SELECT robbie_sync.begin_tables();

CREATE TABLE IF NOT EXISTS interactions (
    id                 uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    interaction_type   varchar(50) NOT NULL,
    direction          varchar(20) NOT NULL,
    person_id          uuid,
    company_id         uuid,
    deal_id            uuid,
    subject            varchar(500),
    content            text,
    summary            text,
    source             varchar(100),
    external_id        varchar(200),
    thread_id          varchar(200),
    opened_at          timestamptz,
    clicked_at         timestamptz,
    replied_at         timestamptz,
    time_spent_seconds integer,
    engagement_score   numeric(3,2),
    sentiment          varchar(20),
    urgency            varchar(20),
    priority           varchar(20),
    created_at         timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at         timestamptz DEFAULT CURRENT_TIMESTAMP,
    company_id_tenant  uuid,
    town_id            uuid,
    privacy_level      varchar(20)
);

CREATE TABLE IF NOT EXISTS website_activity (
    id                   uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    person_id            uuid,
    company_id           uuid,
    page_url             varchar(1000) NOT NULL,
    page_title           varchar(500),
    referrer             varchar(1000),
    session_id           varchar(200),
    user_agent           text,
    ip_address           inet,
    time_on_page_seconds integer,
    scroll_depth_percent integer,
    bounce               boolean DEFAULT false,
    converted            boolean DEFAULT false,
    conversion_type      varchar(100),
    conversion_value     numeric(10,2),
    visited_at           timestamptz DEFAULT CURRENT_TIMESTAMP,
    company_id_tenant    uuid,
    town_id              uuid,
    created_at           timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS email_engagement (
    id                 uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    interaction_id     uuid,
    email_id           varchar(200) NOT NULL,
    opened_at          timestamptz,
    open_count         integer DEFAULT 0,
    first_open_at      timestamptz,
    last_open_at       timestamptz,
    clicked_at         timestamptz,
    click_count        integer DEFAULT 0,
    first_click_at     timestamptz,
    last_click_at      timestamptz,
    clicked_links      text[],
    replied_at         timestamptz,
    reply_count        integer DEFAULT 0,
    unsubscribed_at    timestamptz,
    unsubscribe_reason varchar(500),
    device_type        varchar(50),
    location_country   varchar(100),
    location_city      varchar(100),
    created_at         timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at         timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS engagement_rules (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    rule_name    varchar(200) NOT NULL,
    rule_type    varchar(50) NOT NULL,
    conditions   jsonb NOT NULL,
    base_score   numeric(3,2) NOT NULL,
    multiplier   numeric(3,2),
    max_score    numeric(3,2),
    decay_hours  integer,
    decay_factor numeric(3,2),
    active       boolean DEFAULT true,
    priority     integer,
    created_at   timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at   timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS person_engagement_scores (
    id                    uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    person_id             uuid UNIQUE,
    total_score           numeric(5,2),
    email_score           numeric(5,2),
    website_score         numeric(5,2),
    social_score          numeric(5,2),
    meeting_score         numeric(5,2),
    total_interactions    integer,
    email_interactions    integer,
    website_visits        integer,
    social_interactions   integer,
    meetings              integer,
    last_interaction_at   timestamptz,
    last_email_at         timestamptz,
    last_website_visit_at timestamptz,
    last_social_at        timestamptz,
    last_meeting_at       timestamptz,
    score_trend           varchar(20),
    activity_trend        varchar(20),
    calculated_at         timestamptz,
    updated_at            timestamptz DEFAULT CURRENT_TIMESTAMP,
    created_at            timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS company_engagement_scores (
    id                       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    company_id               uuid UNIQUE,
    total_score              numeric(5,2),
    email_score              numeric(5,2),
    website_score            numeric(5,2),
    social_score             numeric(5,2),
    meeting_score            numeric(5,2),
    total_interactions       integer,
    unique_people_interacted integer,
    email_interactions       integer,
    website_visits           integer,
    social_interactions      integer,
    meetings                 integer,
    last_interaction_at      timestamptz,
    last_email_at            timestamptz,
    last_website_visit_at    timestamptz,
    last_social_at           timestamptz,
    last_meeting_at          timestamptz,
    score_trend              varchar(20),
    activity_trend           varchar(20),
    calculated_at            timestamptz,
    updated_at               timestamptz DEFAULT CURRENT_TIMESTAMP,
    created_at               timestamptz DEFAULT CURRENT_TIMESTAMP
);

SELECT robbie_sync.settle_tables();

SELECT robbie_sync.refer('interactions', 'person_id', 'crm_contacts', 'SET NULL'),
       robbie_sync.refer('interactions', 'company_id', 'crm_companies', 'SET NULL'),
       robbie_sync.refer('interactions', 'deal_id', 'crm_deals', 'SET NULL'),
       robbie_sync.refer('interactions', 'company_id_tenant', 'companies', 'SET NULL'),
       robbie_sync.refer('interactions', 'town_id', 'towns', 'SET NULL'),
       robbie_sync.refer('website_activity', 'person_id', 'crm_contacts', 'SET NULL'),
       robbie_sync.refer('website_activity', 'company_id', 'crm_companies', 'SET NULL'),
       robbie_sync.refer('website_activity', 'company_id_tenant', 'companies', 'SET NULL'),
       robbie_sync.refer('website_activity', 'town_id', 'towns', 'SET NULL'),
       robbie_sync.refer('email_engagement', 'interaction_id', 'interactions', 'CASCADE'),
       robbie_sync.refer('person_engagement_scores', 'person_id', 'crm_contacts', 'CASCADE'),
       robbie_sync.refer('company_engagement_scores', 'company_id', 'crm_companies', 'CASCADE');

SELECT robbie_sync.guard(t, 'robbie_sync.is_member(company_id_tenant::text)')
  FROM unnest(ARRAY['interactions', 'website_activity']) AS t;
