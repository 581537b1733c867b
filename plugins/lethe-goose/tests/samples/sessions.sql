-- goose, schema 15 with a ledger: a conversation with all kinds of parts, its subagent, and an old session; made by hand, 2026-11-20.
CREATE TABLE schema_version (version INTEGER PRIMARY KEY, applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE sessions (id TEXT PRIMARY KEY, name TEXT NOT NULL DEFAULT '', description TEXT NOT NULL DEFAULT '', user_set_name BOOLEAN DEFAULT FALSE,
  session_type TEXT NOT NULL DEFAULT 'user', working_dir TEXT NOT NULL, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
  updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, extension_data TEXT DEFAULT '{}', total_tokens INTEGER, input_tokens INTEGER, output_tokens INTEGER,
  accumulated_total_tokens INTEGER, accumulated_input_tokens INTEGER, accumulated_output_tokens INTEGER, accumulated_cache_read_tokens INTEGER,
  accumulated_cache_write_tokens INTEGER, accumulated_cost REAL, provider_name TEXT, model_config_json TEXT, goose_mode TEXT NOT NULL DEFAULT 'auto',
  archived_at TIMESTAMP, project_id TEXT, parent_session_id TEXT);
CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, message_id TEXT, session_id TEXT NOT NULL REFERENCES sessions(id), role TEXT NOT NULL,
  content_json TEXT NOT NULL, created_timestamp INTEGER NOT NULL, timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP, tokens INTEGER, metadata_json TEXT);
CREATE INDEX idx_messages_session ON messages(session_id);
CREATE INDEX idx_messages_message_id ON messages(message_id);
CREATE TABLE usage_ledger (id INTEGER PRIMARY KEY AUTOINCREMENT, session_id TEXT NOT NULL, created_timestamp INTEGER NOT NULL, model TEXT,
  input_tokens INTEGER, output_tokens INTEGER, total_tokens INTEGER, cache_read_tokens INTEGER, cache_write_tokens INTEGER, cost REAL,
  cost_source TEXT, is_compaction INTEGER DEFAULT 0);
INSERT INTO sessions (id, name, user_set_name, session_type, working_dir, created_at, updated_at, accumulated_input_tokens,
  accumulated_output_tokens, accumulated_cache_read_tokens, accumulated_cache_write_tokens, provider_name, model_config_json, parent_session_id, archived_at) VALUES
 ('20260504_1', 'Water the beds', 1, 'user', '/home/kim/garden', '2026-05-04 09:00:00', '2026-05-04 09:01:00', 1500, 90, 1000, 100, 'anthropic', '{"model_name":"claude-opus-4-1","toolshim":false}', NULL, NULL),
 ('20260504_2', 'Look at the sensors', 0, 'sub_agent', '/home/kim/garden', '2026-05-04 09:00:20', '2026-05-04 09:00:30', NULL, NULL, NULL, NULL, 'anthropic', 'no json', '20260504_1', NULL),
 ('20250901_1', 'CLI Session', 0, 'user', '/home/kim/shed', '2025-09-01 10:00:00', '2025-09-01 10:05:00', 300, 40, NULL, NULL, 'openai', '{"model_name":"gpt-5"}', NULL, '2026-01-01 00:00:00');
INSERT INTO messages (message_id, session_id, role, content_json, created_timestamp, metadata_json) VALUES
 ('msg_a', '20260504_1', 'user', '[{"type":"text","text":"Which beds are dry?"},{"type":"image","data":"aGVsbG8=","mimeType":"image/png"}]', 1777885200, '{"userVisible":true,"agentVisible":true}'),
 ('msg_b', '20260504_1', 'assistant', '[{"type":"thinking","thinking":"There are sensors.","signature":"c2ln"},{"type":"text","text":"I look."},{"type":"toolRequest","id":"call_1","toolCall":{"status":"success","value":{"name":"developer__shell","arguments":{"command":"cat soil.txt"}}}}]', 1777885203, '{"userVisible":true,"agentVisible":true}'),
 ('msg_c', '20260504_1', 'user', '[{"type":"toolResponse","id":"call_1","toolResult":{"status":"success","value":{"content":[{"type":"text","text":"bed 3: dry","annotations":{"audience":["assistant"]}},{"type":"text","text":"bed 3: dry","annotations":{"audience":["user"],"priority":0.0}},{"type":"image","data":"aGVsbG8=","mimeType":"image/png"}],"isError":false}}}]', 1777885204, '{"userVisible":true,"agentVisible":true}'),
 ('msg_d', '20260504_1', 'assistant', '[{"type":"toolRequest","id":"call_2","toolCall":{"status":"error","error":"-32602: no such tool"}},{"type":"redactedThinking","data":"eA=="},{"type":"toolConfirmationRequest","id":"q","toolName":"x","arguments":{}}]', 1777885204, '{}'),
 ('msg_e', '20260504_1', 'user', '[{"type":"toolResponse","id":"call_2","toolResult":{"status":"error","error":"-32602: no such tool"}}]', 1777885204, NULL),
 ('msg_f', '20260504_1', 'assistant', '[{"type":"text","text":"Bed 3 "}]', 1777885206, '{}'),
 ('msg_f', '20260504_1', 'assistant', '[{"type":"text","text":"is dry."},{"type":"novel","x":1}]', 1777885206, '{}'),
 ('msg_g', '20260504_1', 'assistant', '[{"type":"systemNotification","notificationType":"inlineMessage","msg":"Compacted."},{"type":"conversationCompacted","msg":""}]', 1777885210, '{}'),
 ('msg_h', '20260504_1', 'user', '[{"type":"text","text":"The summary: bed 3 is dry."}]', 1777885211, '{"userVisible":false,"agentVisible":true}'),
 ('msg_i', '20260504_2', 'user', '[{"type":"text","text":"Read the sensors"}]', 1777885221000, '{}'),
 ('msg_j', '20260504_2', 'assistant', '[{"type":"reasoning","text":"Three of them."},{"type":"text","text":"  "}]', 1777885222500, '{}'),
 (NULL, '20250901_1', 'user', '[{"type":"text","text":"Where is the rake?"}]', 1756720800, NULL),
 (NULL, '20250901_1', 'assistant', '[{"type":"toolRequest","id":"call_3","toolCall":{"status":"success","value":{"name":"memory__find","arguments":{"query":"rake"}}}}]', 1756720801, NULL),
 (NULL, '20250901_1', 'user', '[{"type":"toolResponse","id":"call_3","toolResult":{"status":"success","value":[{"type":"text","text":"in the shed"}]}}]', 1756720801, NULL);
INSERT INTO usage_ledger (session_id, created_timestamp, model, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost, is_compaction) VALUES
 ('20260504_1', 1777885203, 'claude-opus-4-1', 900, 50, 600, 100, 0.02, 0),
 ('20260504_1', 1777885206, 'claude-opus-4-1', 500, 30, 400, 0, 0.01, 0),
 ('20260504_1', 1777885210, 'claude-opus-4-1', 0, 0, 0, 0, NULL, 1);
