-- Indexes for the ways in which these tables are read; the foreign keys have theirs from the files that made them.

SELECT robbie_sync.index_business('idx_conversations_user_recent', 'conversations', 'btree (user_id, last_message_at)'),
       robbie_sync.index_business('idx_messages_conversation_created', 'messages', 'btree (conversation_id, created_at)'),
       robbie_sync.index_business('idx_ai_memories_category', 'ai_memories', 'btree (user_id, category)'),
       robbie_sync.index_business('idx_documents_status', 'documents', 'btree (processing_status)'),
       robbie_sync.index_business('idx_documents_hash', 'documents', 'btree (file_hash)'),
       robbie_sync.index_business('idx_embedding_cache_expires', 'embedding_cache', 'btree (expires_at)'),
       robbie_sync.index_business('idx_companies_domain', 'companies', 'btree (domain)'),
       robbie_sync.index_business('idx_contacts_email', 'contacts', 'btree (email)'),
       robbie_sync.index_business('idx_deals_stage', 'deals', 'btree (dealstage)'),
       robbie_sync.index_business('idx_deals_close', 'deals', 'btree (close_date)'),
       robbie_sync.index_business('idx_activities_date', 'activities', 'btree (activity_date)'),
       robbie_sync.index_business('idx_tasks_due', 'tasks', 'btree (due_at) WHERE (completed_at IS NULL)'),
       robbie_sync.index_business('idx_meetings_start', 'meetings', 'btree (start_time)'),
       robbie_sync.index_business('idx_ai_commitments_deadline', 'ai_commitments', 'btree (deadline)'),
       robbie_sync.index_business('idx_ai_calendar_events_start', 'ai_calendar_events', 'btree (start_time)'),
       robbie_sync.index_business('idx_ai_sync_queue_open', 'ai_sync_queue', 'btree (created_at) WHERE (NOT processed)'),
       robbie_sync.index_business('idx_gmail_messages_sent', 'gmail_messages', 'btree (user_id, sent_date)'),
       robbie_sync.index_business('idx_gmail_messages_thread', 'gmail_messages', 'btree (thread_id)'),
       robbie_sync.index_business('idx_calendar_events_start', 'calendar_events', 'btree (user_id, start_time)'),
       robbie_sync.index_business('idx_user_sessions_expires', 'user_sessions', 'btree (expires_at)'),
       robbie_sync.index_business('idx_secrets_service', 'secrets', 'btree (service, key_name)'),
       robbie_sync.index_business('idx_sync_registry_local', 'sync_registry', 'btree (entity_type, local_id)');

SELECT robbie_sync.ensure_vector_indexes(t)
  FROM unnest(ARRAY['messages', 'ai_memories', 'embeddings', 'knowledge_base', 'search_history', 'embedding_cache', 'companies',
                    'contacts', 'deals', 'activities', 'shared_knowledge_base', 'shared_enriched_records',
                    'shared_market_intelligence', 'drive_files']) AS t;
