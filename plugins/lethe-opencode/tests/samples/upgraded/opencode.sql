-- opencode 2.0 on a database of 1.15: one session copied into the new tables and gone on with, its fork; made by hand, 2026-11-20.
CREATE TABLE session (id text PRIMARY KEY, project_id text NOT NULL, parent_id text, slug text NOT NULL, directory text NOT NULL,
  title text NOT NULL, version text NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL);
CREATE TABLE message (id text PRIMARY KEY, session_id text NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL);
CREATE TABLE part (id text PRIMARY KEY, message_id text NOT NULL, session_id text NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL);
INSERT INTO session VALUES ('ses_old', 'garden', NULL, 'quiet-bed', '~/garden', 'Water', '1.15.10', 1790000000000, 1790000003000);
INSERT INTO message VALUES
 ('msg_1', 'ses_old', 1790000000100, 1790000000200, '{"role":"user","time":{"created":1790000000100}}'),
 ('msg_2', 'ses_old', 1790000001000, 1790000003000, '{"role":"assistant","parentID":"msg_1","agent":"build","modelID":"gardener-1","providerID":"example","cost":0.001,"tokens":{"input":10,"output":5,"reasoning":0,"cache":{"read":2,"write":0}},"time":{"created":1790000001000,"completed":1790000002990},"finish":"stop"}');
INSERT INTO part VALUES
 ('prt_1', 'msg_1', 'ses_old', 1790000000101, 1790000000101, '{"type":"text","text":"Water the beds"}'),
 ('prt_2', 'msg_2', 'ses_old', 1790000001100, 1790000001100, '{"type":"step-start"}'),
 ('prt_3', 'msg_2', 'ses_old', 1790000001200, 1790000001800, '{"type":"tool","tool":"bash","callID":"call_1","state":{"status":"completed","input":{"command":"water"},"output":"done","metadata":{"exit":0},"time":{"start":1790000001300,"end":1790000001800}}}'),
 ('prt_4', 'msg_2', 'ses_old', 1790000002000, 1790000002900, '{"type":"text","text":"Watered.","time":{"start":1790000002000,"end":1790000002900}}');
