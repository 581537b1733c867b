-- The tables of 2025, in a data directory of its own, as opencode in Go wrote them; made by hand, 2026-11-20.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY, parent_session_id TEXT, title TEXT NOT NULL,
    message_count INTEGER NOT NULL DEFAULT 0, prompt_tokens INTEGER NOT NULL DEFAULT 0,
    completion_tokens INTEGER NOT NULL DEFAULT 0, cost REAL NOT NULL DEFAULT 0.0,
    updated_at INTEGER NOT NULL, created_at INTEGER NOT NULL, summary_message_id TEXT
);
CREATE TABLE messages (
    id TEXT PRIMARY KEY, session_id TEXT NOT NULL, role TEXT NOT NULL, parts TEXT NOT NULL DEFAULT '[]',
    model TEXT, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, finished_at INTEGER
);
INSERT INTO sessions VALUES ('5e550000-0000-4000-8000-000000000003', NULL, 'New Session', 3, 0, 0, 0, 1751000009, 1751000000, 'dddd0000-0000-4000-8000-000000000003');
INSERT INTO messages VALUES
 ('dddd0000-0000-4000-8000-000000000001', '5e550000-0000-4000-8000-000000000003', 'user', '[{"type":"text","data":{"text":"hello"}},{"type":"finish","data":{"reason":"stop","time":0}}]', '', 1751000000, 1751000000, NULL),
 ('dddd0000-0000-4000-8000-000000000002', '5e550000-0000-4000-8000-000000000003', 'assistant', '[{"type":"text","data":{"text":"Hello!"}},{"type":"finish","data":{"reason":"end_turn","time":1751000001}}]', 'example.gardener-0', 1751000000, 1751000001, 1751000001),
 ('dddd0000-0000-4000-8000-000000000003', '5e550000-0000-4000-8000-000000000003', 'assistant', '[{"type":"text","data":{"text":"They greeted each other."}},{"type":"finish","data":{"reason":"end_turn","time":1751000009}}]', 'example.gardener-0', 1751000009, 1751000009, 1751000009);
