-- Google Workspace: domains, accounts, mail, calendar, files, tasks, contacts, and the jobs that fetch them.

SELECT robbie_sync.begin_tables();

CREATE TABLE IF NOT EXISTS google_workspace_domains (
    id                       serial PRIMARY KEY,
    domain                   varchar(255) NOT NULL UNIQUE,
    display_name             varchar(255) NOT NULL,
    service_account_email    varchar(255) NOT NULL,
    service_account_key_path text NOT NULL,
    client_id                varchar(255) NOT NULL,
    is_active                boolean DEFAULT true,
    last_sync                timestamptz,
    sync_status              varchar(50),
    sync_error               text,
    created_at               timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at               timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS google_workspace_users (
    id                 uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    domain_id          integer,
    email              varchar(255) NOT NULL UNIQUE,
    full_name          varchar(255),
    first_name         varchar(255),
    last_name          varchar(255),
    is_admin           boolean DEFAULT false,
    is_suspended       boolean DEFAULT false,
    last_login         timestamptz,
    data_visible_to    text[],
    gmail_last_sync    timestamptz,
    calendar_last_sync timestamptz,
    drive_last_sync    timestamptz,
    tasks_last_sync    timestamptz,
    contacts_last_sync timestamptz,
    created_at         timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at         timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS gmail_messages (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id          uuid,
    message_id       varchar(255) NOT NULL UNIQUE,
    thread_id        varchar(255),
    subject          text,
    from_email       varchar(255),
    from_name        varchar(255),
    to_emails        text[],
    cc_emails        text[],
    bcc_emails       text[],
    body_text        text,
    body_html        text,
    snippet          text,
    embedding_json   text,
    labels           text[],
    is_unread        boolean DEFAULT false,
    is_starred       boolean DEFAULT false,
    is_important     boolean DEFAULT false,
    has_attachments  boolean DEFAULT false,
    attachment_count integer DEFAULT 0,
    sent_date        timestamptz,
    received_date    timestamptz,
    created_at       timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at       timestamptz DEFAULT CURRENT_TIMESTAMP,
    last_synced      timestamptz
);

CREATE TABLE IF NOT EXISTS gmail_attachments (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    message_id    uuid,
    attachment_id varchar(255) NOT NULL,
    filename      varchar(500),
    mime_type     varchar(100),
    size_bytes    bigint,
    drive_file_id varchar(255),
    created_at    timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at    timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS calendar_events (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id           uuid,
    event_id          varchar(255) NOT NULL UNIQUE,
    calendar_id       varchar(255) NOT NULL,
    title             varchar(500),
    description       text,
    location          varchar(500),
    embedding_json    text,
    start_time        timestamptz NOT NULL,
    end_time          timestamptz NOT NULL,
    is_all_day        boolean DEFAULT false,
    timezone          varchar(100),
    is_recurring      boolean DEFAULT false,
    recurrence_rule   text,
    organizer_email   varchar(255),
    attendees         jsonb,
    status            varchar(50),
    visibility        varchar(50),
    meeting_link      varchar(500),
    is_online_meeting boolean DEFAULT false,
    created_at        timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at        timestamptz DEFAULT CURRENT_TIMESTAMP,
    last_synced       timestamptz
);

CREATE TABLE IF NOT EXISTS drive_files (
    id                  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id             uuid,
    file_id             varchar(255) NOT NULL UNIQUE,
    name                varchar(500),
    mime_type           varchar(100),
    file_extension      varchar(20),
    size_bytes          bigint,
    content_text        text,
    embedding           vector(1536),
    parent_folder_id    varchar(255),
    folder_path         text,
    web_view_link       text,
    download_link       text,
    owner_email         varchar(255),
    shared_with         text[],
    is_shared           boolean DEFAULT false,
    sharing_permissions varchar(50),
    is_trashed          boolean DEFAULT false,
    is_starred          boolean DEFAULT false,
    created_time        timestamptz,
    modified_time       timestamptz,
    viewed_time         timestamptz,
    created_at          timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at          timestamptz DEFAULT CURRENT_TIMESTAMP,
    last_synced         timestamptz
);

CREATE TABLE IF NOT EXISTS google_tasks (
    id             uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id        uuid,
    task_id        varchar(255) NOT NULL UNIQUE,
    task_list_id   varchar(255) NOT NULL,
    task_list_name varchar(255),
    title          varchar(500),
    notes          text,
    embedding_json text,
    status         varchar(50),
    is_completed   boolean DEFAULT false,
    completed_date timestamptz,
    due_date       timestamptz,
    parent_task_id varchar(255),
    position       varchar(50),
    created_at     timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at     timestamptz DEFAULT CURRENT_TIMESTAMP,
    last_synced    timestamptz
);

CREATE TABLE IF NOT EXISTS google_contacts (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id         uuid,
    contact_id      varchar(255) NOT NULL UNIQUE,
    full_name       varchar(255),
    given_name      varchar(255),
    family_name     varchar(255),
    nickname        varchar(255),
    email_addresses jsonb,
    phone_numbers   jsonb,
    organizations   jsonb,
    job_title       varchar(255),
    company_name    varchar(255),
    urls            jsonb,
    addresses       jsonb,
    notes           text,
    embedding_json  text,
    photo_url       text,
    groups          text[],
    created_at      timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at      timestamptz DEFAULT CURRENT_TIMESTAMP,
    last_synced     timestamptz
);

CREATE TABLE IF NOT EXISTS google_sync_jobs (
    id               uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    domain_id        integer,
    user_id          uuid,
    sync_type        varchar(50) NOT NULL,
    status           varchar(50),
    items_total      integer,
    items_processed  integer,
    items_new        integer,
    items_updated    integer,
    items_deleted    integer,
    started_at       timestamptz,
    completed_at     timestamptz,
    duration_seconds integer,
    error_message    text,
    error_count      integer DEFAULT 0,
    metadata         jsonb DEFAULT '{}',
    created_at       timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at       timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS google_data_access_rules (
    id                serial PRIMARY KEY,
    domain_id         integer,
    viewer_email      varchar(255) NOT NULL,
    target_email      varchar(255),
    can_view_gmail    boolean DEFAULT false,
    can_view_calendar boolean DEFAULT false,
    can_view_drive    boolean DEFAULT false,
    can_view_tasks    boolean DEFAULT false,
    can_view_contacts boolean DEFAULT false,
    is_admin_access   boolean DEFAULT false,
    granted_by        varchar(255),
    reason            text,
    created_at        timestamptz DEFAULT CURRENT_TIMESTAMP,
    expires_at        timestamptz,
    updated_at        timestamptz DEFAULT CURRENT_TIMESTAMP
);

SELECT robbie_sync.settle_tables();

SELECT robbie_sync.refer('google_workspace_users', 'domain_id', 'google_workspace_domains', 'CASCADE'),
       robbie_sync.refer('gmail_messages', 'user_id', 'google_workspace_users', 'CASCADE'),
       robbie_sync.refer('gmail_attachments', 'message_id', 'gmail_messages', 'CASCADE'),
       robbie_sync.refer('calendar_events', 'user_id', 'google_workspace_users', 'CASCADE'),
       robbie_sync.refer('drive_files', 'user_id', 'google_workspace_users', 'CASCADE'),
       robbie_sync.refer('google_tasks', 'user_id', 'google_workspace_users', 'CASCADE'),
       robbie_sync.refer('google_contacts', 'user_id', 'google_workspace_users', 'CASCADE'),
       robbie_sync.refer('google_sync_jobs', 'domain_id', 'google_workspace_domains', 'CASCADE'),
       robbie_sync.refer('google_sync_jobs', 'user_id', 'google_workspace_users', 'CASCADE'),
       robbie_sync.refer('google_data_access_rules', 'domain_id', 'google_workspace_domains', 'CASCADE');
