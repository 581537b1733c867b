-- A session with a subagent, as Crush 0.2x writes it; made by hand, 2026-11-20.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY, parent_session_id TEXT, title TEXT NOT NULL,
    message_count INTEGER NOT NULL DEFAULT 0, prompt_tokens INTEGER NOT NULL DEFAULT 0,
    completion_tokens INTEGER NOT NULL DEFAULT 0, cost REAL NOT NULL DEFAULT 0.0,
    updated_at INTEGER NOT NULL, created_at INTEGER NOT NULL, summary_message_id TEXT, todos TEXT
);
CREATE TABLE messages (
    id TEXT PRIMARY KEY, session_id TEXT NOT NULL, role TEXT NOT NULL, parts TEXT NOT NULL DEFAULT '[]',
    model TEXT, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, finished_at INTEGER,
    provider TEXT, is_summary_message INTEGER DEFAULT 0 NOT NULL,
    FOREIGN KEY (session_id) REFERENCES sessions (id) ON DELETE CASCADE
);
INSERT INTO sessions VALUES
 ('5e550000-0000-4000-8000-000000000001', NULL, 'Water the beds', 8, 4100, 220, 0.0125, 1790000040, 1790000000, NULL, NULL),
 ('title-5e550000-0000-4000-8000-000000000001', '5e550000-0000-4000-8000-000000000001', 'Generate a title', 0, 0, 0, 0, 1790000001, 1790000001, NULL, NULL),
 ('aaaa0000-0000-4000-8000-000000000002$$call_agent', '5e550000-0000-4000-8000-000000000001', 'Untitled Session', 2, 900, 30, 0.001, 1790000020, 1790000010, NULL, NULL);
INSERT INTO messages VALUES
 ('aaaa0000-0000-4000-8000-000000000001', '5e550000-0000-4000-8000-000000000001', 'user', '[{"type":"text","data":{"text":"Which beds are dry?"}},{"type":"binary","data":{"Path":"bed.png","MIMEType":"image/png","Data":"iVBORw0KGgo="}},{"type":"finish","data":{"reason":"stop","time":0}}]', '', 1790000000, 1790000000, NULL, NULL, 0),
 ('aaaa0000-0000-4000-8000-000000000002', '5e550000-0000-4000-8000-000000000001', 'assistant', '[{"type":"reasoning","data":{"thinking":"The sensors tell.","signature":"c2ln","started_at":1790000001,"finished_at":1790000002}},{"type":"text","data":{"text":"I look at the sensors — and ask for help."}},{"type":"tool_call","data":{"id":"call_cat","name":"bash","input":"{\"command\": \"cat sensors\"}","type":"function","finished":true}},{"type":"tool_call","data":{"id":"call_agent","name":"agent","input":"{\"prompt\": \"Find the hose\"}","type":"function","finished":true}},{"type":"finish","data":{"reason":"tool_use","time":1790000005}}]', 'example/gardener-1', 1790000000, 1790000005, 1790000005, 'example', 0),
 ('aaaa0000-0000-4000-8000-000000000003', '5e550000-0000-4000-8000-000000000001', 'tool', '[{"type":"tool_result","data":{"tool_call_id":"call_cat","name":"bash","content":"bed 1: dry\nbed 2: wet","metadata":"{}","is_error":false}},{"type":"tool_result","data":{"tool_call_id":"call_agent","name":"agent","content":"no hose found","metadata":"","is_error":true}},{"type":"finish","data":{"reason":"stop","time":0}}]', '', 1790000020, 1790000020, NULL, NULL, 0),
 ('aaaa0000-0000-4000-8000-000000000004', '5e550000-0000-4000-8000-000000000001', 'assistant', '[{"type":"text","data":{"text":"Bed 1 is dry."}},{"type":"finish","data":{"reason":"end_turn","time":1790000022}}]', 'example/gardener-1', 1790000020, 1790000022, 1790000022, 'example', 0),
 ('aaaa0000-0000-4000-8000-000000000005', '5e550000-0000-4000-8000-000000000001', 'user', '[{"type":"shell_command","data":{"command":"date","output":"today\n"}}]', '', 1790000030, 1790000030, NULL, NULL, 0),
 ('aaaa0000-0000-4000-8000-000000000006', '5e550000-0000-4000-8000-000000000001', 'assistant', '[{"type":"finish","data":{"reason":"error","time":1790000032,"message":"Overloaded","details":"try again"}}]', 'example/gardener-1', 1790000031, 1790000032, 1790000032, 'example', 0),
 ('aaaa0000-0000-4000-8000-000000000007', '5e550000-0000-4000-8000-000000000001', 'assistant', '[{"type":"text","data":{"text":"I am"}},{"type":"finish","data":{"reason":"canceled","time":1790000034}}]', 'example/gardener-1', 1790000033, 1790000034, 1790000034, 'example', 0),
 ('aaaa0000-0000-4000-8000-000000000008', '5e550000-0000-4000-8000-000000000001', 'assistant', '[{"type":"text","data":{"text":"So far: bed 1 is dry."}},{"type":"finish","data":{"reason":"end_turn","time":1790000036}}]', 'example/gardener-1', 1790000035, 1790000036, 1790000036, 'example', 1),
 ('aaaa0000-0000-4000-8000-000000000009', '5e550000-0000-4000-8000-000000000001', 'assistant', '[]', 'example/gardener-1', 1790000039, 1790000039, NULL, 'example', 0),
 ('bbbb0000-0000-4000-8000-000000000001', 'aaaa0000-0000-4000-8000-000000000002$$call_agent', 'user', '[{"type":"text","data":{"text":"Find the hose"}}]', '', 1790000010, 1790000010, NULL, NULL, 0),
 ('bbbb0000-0000-4000-8000-000000000002', 'aaaa0000-0000-4000-8000-000000000002$$call_agent', 'assistant', '[{"type":"hologram","data":{}},{"type":"text","data":{"text":"There is none."}}]', 'example/gardener-1', 1790000011, 1790000019, 1790000019, 'example', 0),
 ('cccc0000-0000-4000-8000-000000000001', 'title-5e550000-0000-4000-8000-000000000001', 'assistant', '[{"type":"text","data":{"text":"Water the beds"}}]', 'example/gardener-1', 1790000001, 1790000001, NULL, 'example', 0);
