-- Indexes for the ways in which these tables are read; the foreign keys have theirs from the files that made them.

SELECT robbie_sync.ensure_index('idx_conversations_user_recent', 'public.conversations', 'btree (user_id, last_message_at)'),
       robbie_sync.ensure_index('idx_messages_conversation_created', 'public.messages', 'btree (conversation_id, created_at)'),
       robbie_sync.ensure_index('idx_ai_memories_category', 'public.ai_memories', 'btree (user_id, category)'),
       robbie_sync.ensure_index('idx_documents_status', 'public.documents', 'btree (processing_status)'),
       robbie_sync.ensure_index('idx_documents_hash', 'public.documents', 'btree (file_hash)'),
       robbie_sync.ensure_index('idx_embedding_cache_expires', 'public.embedding_cache', 'btree (expires_at)'),
       robbie_sync.ensure_index('idx_companies_domain', 'public.companies', 'btree (domain)'),
       robbie_sync.ensure_index('idx_contacts_email', 'public.contacts', 'btree (email)'),
       robbie_sync.ensure_index('idx_deals_stage', 'public.deals', 'btree (dealstage)'),
       robbie_sync.ensure_index('idx_deals_close', 'public.deals', 'btree (close_date)'),
       robbie_sync.ensure_index('idx_activities_date', 'public.activities', 'btree (activity_date)'),
       robbie_sync.ensure_index('idx_tasks_due', 'public.tasks', 'btree (due_at) WHERE (completed_at IS NULL)'),
       robbie_sync.ensure_index('idx_meetings_start', 'public.meetings', 'btree (start_time)'),
       robbie_sync.ensure_index('idx_ai_commitments_deadline', 'public.ai_commitments', 'btree (deadline)'),
       robbie_sync.ensure_index('idx_ai_calendar_events_start', 'public.ai_calendar_events', 'btree (start_time)'),
       robbie_sync.ensure_index('idx_ai_sync_queue_open', 'public.ai_sync_queue', 'btree (created_at) WHERE (NOT processed)'),
       robbie_sync.ensure_index('idx_gmail_messages_sent', 'public.gmail_messages', 'btree (user_id, sent_date)'),
       robbie_sync.ensure_index('idx_gmail_messages_thread', 'public.gmail_messages', 'btree (thread_id)'),
       robbie_sync.ensure_index('idx_calendar_events_start', 'public.calendar_events', 'btree (user_id, start_time)'),
       robbie_sync.ensure_index('idx_user_sessions_expires', 'public.user_sessions', 'btree (expires_at)'),
       robbie_sync.ensure_index('idx_secrets_service', 'public.secrets', 'btree (service, key_name)'),
       robbie_sync.ensure_index('idx_sync_registry_local', 'public.sync_registry', 'btree (entity_type, local_id)');

SELECT robbie_sync.ensure_vector_indexes(t)
  FROM unnest(ARRAY['messages', 'ai_memories', 'embeddings', 'knowledge_base', 'search_history', 'embedding_cache', 'companies',
                    'contacts', 'deals', 'activities', 'shared_knowledge_base', 'shared_enriched_records',
                    'shared_market_intelligence', 'drive_files']) AS t;
