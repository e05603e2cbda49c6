-- TestPilot: simulations of deals, their scenarios, runs and templates.

SELECT robbie_sync.begin_tables();

CREATE TABLE IF NOT EXISTS testpilot_simulations (
    id                   serial PRIMARY KEY,
    simulation_id        varchar(100) NOT NULL UNIQUE,
    name                 varchar(255) NOT NULL,
    description          text,
    simulation_type      varchar(100),
    simulation_config    jsonb,
    target_deal_id       uuid,
    owner_id             varchar(50),
    status               varchar(50),
    progress_percentage  integer,
    started_at           timestamptz,
    completed_at         timestamptz,
    estimated_completion timestamptz,
    simulation_results   jsonb,
    simulation_metrics   jsonb,
    simulation_logs      text,
    ai_analysis          jsonb,
    recommendations      jsonb,
    confidence_score     numeric(3,2),
    gpu_usage_minutes    integer,
    cpu_usage_minutes    integer,
    memory_usage_mb      integer,
    cost_usd             numeric(10,4),
    created_at           timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at           timestamptz DEFAULT CURRENT_TIMESTAMP,
    created_by           varchar(100),
    tags                 text[],
    is_active            boolean DEFAULT true
);

CREATE TABLE IF NOT EXISTS deal_simulations (
    id                    serial PRIMARY KEY,
    deal_id               uuid,
    simulation_id         integer,
    association_type      varchar(50),
    impact_score          numeric(3,2),
    recommendation_weight numeric(3,2),
    created_at            timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at            timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS simulation_scenarios (
    id                    serial PRIMARY KEY,
    simulation_id         integer,
    scenario_name         varchar(255) NOT NULL,
    scenario_description  text,
    scenario_config       jsonb,
    scenario_type         varchar(100),
    scenario_results      jsonb,
    scenario_metrics      jsonb,
    baseline_comparison   jsonb,
    best_case_comparison  jsonb,
    worst_case_comparison jsonb,
    created_at            timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at            timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS simulation_executions (
    id                     serial PRIMARY KEY,
    simulation_id          integer,
    execution_id           varchar(100) NOT NULL UNIQUE,
    execution_type         varchar(50),
    execution_config       jsonb,
    status                 varchar(50),
    progress_percentage    integer,
    started_at             timestamptz,
    completed_at           timestamptz,
    execution_results      jsonb,
    execution_metrics      jsonb,
    execution_logs         text,
    gpu_usage_minutes      integer,
    cpu_usage_minutes      integer,
    memory_usage_mb        integer,
    cost_usd               numeric(10,4),
    execution_time_seconds integer,
    data_points_processed  integer,
    accuracy_score         numeric(3,2),
    created_at             timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at             timestamptz DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE IF NOT EXISTS simulation_templates (
    id                     serial PRIMARY KEY,
    template_name          varchar(255) NOT NULL UNIQUE,
    template_description   text,
    template_category      varchar(100),
    template_config        jsonb NOT NULL,
    required_parameters    jsonb,
    optional_parameters    jsonb,
    created_by             varchar(100),
    version                varchar(20),
    is_public              boolean DEFAULT false,
    is_active              boolean DEFAULT true,
    usage_count            integer DEFAULT 0,
    success_rate           numeric(3,2),
    average_execution_time integer,
    created_at             timestamptz DEFAULT CURRENT_TIMESTAMP,
    updated_at             timestamptz DEFAULT CURRENT_TIMESTAMP
);

SELECT robbie_sync.settle_tables();

SELECT robbie_sync.refer('testpilot_simulations', 'target_deal_id', 'deals', 'SET NULL'),
       robbie_sync.refer('deal_simulations', 'deal_id', 'deals', 'CASCADE'),
       robbie_sync.refer('deal_simulations', 'simulation_id', 'testpilot_simulations', 'CASCADE'),
       robbie_sync.refer('simulation_scenarios', 'simulation_id', 'testpilot_simulations', 'CASCADE'),
       robbie_sync.refer('simulation_executions', 'simulation_id', 'testpilot_simulations', 'CASCADE');
