-- What the upgrade to 2.0 adds, and what is said after it.
CREATE TABLE session_v2 (id text PRIMARY KEY, project_id text NOT NULL, parent_id text, fork_session_id text, fork_boundary text, slug text NOT NULL,
  directory text NOT NULL, title text, version text NOT NULL, agent text, time_created integer NOT NULL, time_updated integer NOT NULL, time_idle integer, time_archived integer);
CREATE TABLE session_message (id text PRIMARY KEY, session_id text NOT NULL, type text NOT NULL, seq integer NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL);
CREATE UNIQUE INDEX session_message_seq_idx ON session_message (session_id, seq);
INSERT INTO session_v2 VALUES
 ('ses_old', 'garden', NULL, NULL, NULL, 'quiet-bed', '~/garden', 'Water', '1.15.10', 'build', 1790000000000, 1790000103000, 1790000103001, NULL),
 ('ses_fork', 'garden', NULL, 'ses_old', 'msg_2', 'wet-bed', '~/garden', NULL, '2.0.26', NULL, 1790000200000, 1790000201000, NULL, NULL);
INSERT INTO session_message VALUES
 ('msg_1', 'ses_old', 'user', 0, 1790000000100, 1790000000200, '{"text":"Water the beds","time":{"created":1790000000100}}'),
 ('msg_2', 'ses_old', 'assistant', 1, 1790000001000, 1790000003000, '{"agent":"build","model":{"providerID":"example","id":"gardener-1"},"content":[{"type":"tool","id":"call_1","name":"bash","state":{"status":"completed","input":{"command":"water"},"content":[{"type":"text","text":"done"}],"metadata":{"exit":0}},"time":{"created":1790000001300,"completed":1790000001800}},{"type":"text","text":"Watered."}],"finish":"stop","cost":0.001,"tokens":{"input":10,"output":5,"reasoning":0,"cache":{"read":2,"write":0}},"time":{"created":1790000001000,"completed":1790000003000}}'),
 ('msg_3', 'ses_old', 'system', 2, 1790000001000, 1790000003000, '{"text":"The tools have changed.","time":{"created":1790000001000}}'),
 ('msg_4', 'ses_old', 'agent-switched', 5, 1790000100000, 1790000100000, '{"agent":"plan","previous":"build","time":{"created":1790000100000}}'),
 ('msg_5', 'ses_old', 'user', 9, 1790000101000, 1790000101000, '{"text":"And now?","files":[{"uri":"data:image/png;base64,iVBORw0KGgo=","mime":"image/png","name":"bed.png"}],"agents":[{"name":"gardener"}],"time":{"created":1790000101000}}'),
 ('msg_6', 'ses_old', 'assistant', 10, 1790000102000, 1790000103000, '{"agent":"plan","model":{"providerID":"example","id":"gardener-2"},"content":[{"type":"reasoning","text":"They asked.","time":{"created":1790000102100,"completed":1790000102200}},{"type":"tool","id":"call_2","name":"read","executed":false,"state":{"status":"error","input":{"path":"none"},"error":{"type":"tool.execution","message":"File not found"}},"time":{"created":1790000102300,"completed":1790000102400}},{"type":"tool","id":"call_3","name":"subagent","state":{"status":"running","input":{"description":"Look around"}},"time":{"created":1790000102500}},{"type":"text","text":"Wait."}],"finish":"stop","cost":0,"tokens":{"input":20,"output":6,"reasoning":1,"cache":{"read":0,"write":4}},"time":{"created":1790000102000,"completed":1790000103000}}'),
 ('msg_7', 'ses_old', 'synthetic', 12, 1790000103000, 1790000103000, '{"text":"You are in plan mode.","time":{"created":1790000103000}}'),
 ('msg_8', 'ses_old', 'idle', 14, 1790000103001, 1790000103001, '{"outcome":"succeeded","time":{"created":1790000103001}}'),
 ('msg_9', 'ses_old', 'compaction', 15, 1790000104000, 1790000104000, '{"reason":"auto","summary":"They watered.","time":{"created":1790000104000}}'),
 ('msg_a', 'ses_old', 'hologram', 16, 1790000105000, 1790000105000, '{"time":{"created":1790000105000}}'),
 ('msg_b', 'ses_fork', 'assistant', 4, 1790000200500, 1790000201000, '{"model":{"providerID":"example","id":"gardener-2"},"content":[],"error":{"type":"provider.overloaded","message":"Overloaded"},"time":{"created":1790000200500,"completed":1790000201000}}');
