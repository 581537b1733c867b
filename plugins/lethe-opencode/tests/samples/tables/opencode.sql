-- opencode 1.18: a session with all kinds of parts, its subagent and a fork; made by hand, 2026-11-20.
CREATE TABLE session (id text PRIMARY KEY, project_id text NOT NULL, parent_id text, slug text NOT NULL, directory text NOT NULL,
  title text NOT NULL, version text NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL, time_archived integer,
  agent text, cost real, tokens_input integer);
CREATE TABLE message (id text PRIMARY KEY, session_id text NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL);
CREATE TABLE part (id text PRIMARY KEY, message_id text NOT NULL, session_id text NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL);
CREATE INDEX message_session_time_created_id_idx ON message (session_id, time_created, id);
CREATE INDEX part_message_id_id_idx ON part (message_id, id);
CREATE TABLE account (id text, access_token text);
INSERT INTO session VALUES
 ('ses_main', 'garden', NULL, 'quiet-bed', '~/garden', 'Which beds are dry', '1.18.33', 1790000000000, 1790000060000, 1790000070000, 'build', 0.01, 1),
 ('ses_child', 'garden', 'ses_main', 'wet-hose', '~/garden', 'Child session - 2026-09-21T14:13:30.000Z', '1.18.33', 1790000010000, 1790000012000, NULL, 'general', 0.0, 1),
 ('ses_fork', 'garden', NULL, 'dry-bed', '~/garden', 'Which beds are dry (fork #1)', '1.18.33', 1790000080000, 1790000081000, NULL, 'build', 0.0, 1);
INSERT INTO message VALUES
 ('msg_1', 'ses_main', 1790000000100, 1790000050000, '{"role":"user","time":{"created":1790000000100},"agent":"build","model":{"providerID":"example","modelID":"gardener-1"},"summary":{"diffs":[{"file":"beds.txt","patch":"-"}]}}'),
 ('msg_2', 'ses_main', 1790000001000, 1790000009000, '{"role":"assistant","parentID":"msg_1","agent":"build","mode":"build","modelID":"gardener-1","providerID":"example","path":{"cwd":"~/garden","root":"~/garden"},"cost":0.0042,"tokens":{"total":167,"input":100,"output":47,"reasoning":7,"cache":{"read":10,"write":3}},"time":{"created":1790000001000,"completed":1790000009000},"finish":"tool-calls"}'),
 ('msg_3', 'ses_main', 1790000020000, 1790000020500, '{"role":"assistant","parentID":"msg_1","agent":"build","modelID":"gardener-1","providerID":"example","cost":0,"tokens":{"input":0,"output":0,"reasoning":0,"cache":{"read":0,"write":0}},"time":{"created":1790000020000,"completed":1790000020500},"error":{"name":"APIError","data":{"message":"Overloaded","statusCode":529,"responseBody":"busy"}}}'),
 ('msg_4', 'ses_main', 1790000030000, 1790000030000, '{"role":"user","time":{"created":1790000030000},"agent":"build"}'),
 ('msg_5', 'ses_main', 1790000031000, 1790000032000, '{"role":"assistant","parentID":"msg_4","agent":"compaction","mode":"compaction","summary":true,"modelID":"gardener-1","providerID":"example","cost":0,"tokens":{"input":50,"output":5,"reasoning":0,"cache":{"read":0,"write":0}},"time":{"created":1790000031000,"completed":1790000032000},"finish":"stop"}'),
 ('msg_6', 'ses_main', 1790000033000, 1790000033000, '{"role":"user","time":{"created":1790000033000},"agent":"build"}'),
 ('msg_7', 'ses_main', 1790000034000, 1790000035000, '{"role":"assistant","parentID":"msg_6","agent":"build","modelID":"gardener-1","providerID":"example","cost":0,"tokens":{"input":0,"output":0,"reasoning":0,"cache":{"read":0,"write":0}},"time":{"created":1790000034000,"completed":1790000035000},"error":{"name":"MessageAbortedError","data":{"message":"The operation was aborted."}}}'),
 ('msg_8', 'ses_main', 1790000040000, 1790000040000, '{"role":"assistant","parentID":"msg_6","agent":"build","modelID":"gardener-1","providerID":"example","cost":0,"tokens":{"input":0,"output":0,"reasoning":0,"cache":{"read":0,"write":0}},"time":{"created":1790000040000}}'),
 ('msg_c1', 'ses_child', 1790000010000, 1790000010000, '{"role":"user","time":{"created":1790000010000},"agent":"general"}'),
 ('msg_f1', 'ses_fork', 1790000000100, 1790000080000, '{"role":"user","time":{"created":1790000000100},"agent":"build"}'),
 ('msg_f2', 'ses_fork', 1790000001000, 1790000080000, '{"role":"assistant","parentID":"msg_f1","agent":"build","mode":"build","modelID":"gardener-1","providerID":"example","cost":0.0042,"tokens":{"total":167,"input":100,"output":47,"reasoning":7,"cache":{"read":10,"write":3}},"time":{"created":1790000001000,"completed":1790000009000},"finish":"tool-calls"}');
INSERT INTO part VALUES
 ('prt_01', 'msg_1', 'ses_main', 1790000000101, 1790000000101, '{"type":"text","text":"Which beds are dry? — look at the picture"}'),
 ('prt_02', 'msg_1', 'ses_main', 1790000000102, 1790000000102, '{"type":"file","mime":"image/png","filename":"bed.png","url":"data:image/png;base64,iVBORw0KGgo="}'),
 ('prt_03', 'msg_1', 'ses_main', 1790000000103, 1790000000103, '{"type":"file","mime":"text/plain","filename":"beds.txt","url":"file:///garden/beds.txt"}'),
 ('prt_04', 'msg_1', 'ses_main', 1790000000104, 1790000000104, '{"type":"text","synthetic":true,"text":"bed 1\nbed 2"}'),
 ('prt_05', 'msg_1', 'ses_main', 1790000000105, 1790000000105, '{"type":"agent","name":"gardener"}'),
 ('prt_06', 'msg_1', 'ses_main', 1790000000106, 1790000000106, '{"type":"subtask","prompt":"Find the hose","description":"hose","agent":"general","command":"find"}'),
 ('prt_11', 'msg_2', 'ses_main', 1790000001100, 1790000001100, '{"type":"step-start","snapshot":"abc"}'),
 ('prt_12', 'msg_2', 'ses_main', 1790000001200, 1790000001900, '{"type":"reasoning","text":"The sensors tell.","time":{"start":1790000001200,"end":1790000001900},"metadata":{"example":{"signature":"c2ln"}}}'),
 ('prt_13', 'msg_2', 'ses_main', 1790000002000, 1790000002900, '{"type":"text","text":"I look at the sensors.","time":{"start":1790000002000,"end":1790000002900}}'),
 ('prt_14', 'msg_2', 'ses_main', 1790000003000, 1790000004000, '{"type":"tool","tool":"bash","callID":"call_1","state":{"status":"completed","input":{"command":"cat sensors"},"output":"bed 1: dry","title":"Read","metadata":{"exit":1,"output":"bed 1: dry","truncated":true,"outputPath":"~/out"},"time":{"start":1790000003000,"end":1790000004000},"attachments":[{"type":"file","mime":"image/png","url":"data:image/png;base64,iVBORw0KGgo="}]}}'),
 ('prt_15', 'msg_2', 'ses_main', 1790000004100, 1790000004200, '{"type":"tool","tool":"read","callID":"call_2","state":{"status":"error","input":{"filePath":"none"},"error":"File not found","time":{"start":1790000004100,"end":1790000004200}}}'),
 ('prt_16', 'msg_2', 'ses_main', 1790000004300, 1790000009050, '{"type":"tool","tool":"task","callID":"call_3","state":{"status":"completed","input":{"description":"hose","prompt":"Find the hose"},"output":"none","metadata":{"sessionId":"ses_child"},"time":{"start":1790000004300,"end":1790000008900}}}'),
 ('prt_17', 'msg_2', 'ses_main', 1790000008950, 1790000008950, '{"type":"step-finish","reason":"tool-calls","cost":0.0042,"tokens":{"total":167,"input":100,"output":47,"reasoning":7,"cache":{"read":10,"write":3}}}'),
 ('prt_18', 'msg_2', 'ses_main', 1790000008960, 1790000008960, '{"type":"patch","hash":"abc","files":["beds.txt"]}'),
 ('prt_19', 'msg_2', 'ses_main', 1790000008970, 1790000008970, '{"type":"retry","attempt":1,"error":{"name":"APIError","data":{"message":"try again"}},"time":{"created":1790000008970}}'),
 ('prt_41', 'msg_4', 'ses_main', 1790000030001, 1790000030001, '{"type":"compaction","auto":true}'),
 ('prt_51', 'msg_5', 'ses_main', 1790000031001, 1790000031900, '{"type":"text","text":"So far: bed 1 is dry.","time":{"start":1790000031001,"end":1790000031900}}'),
 ('prt_61', 'msg_6', 'ses_main', 1790000033001, 1790000033001, '{"type":"text","synthetic":true,"text":"Continue if you have next steps"}'),
 ('prt_71', 'msg_7', 'ses_main', 1790000034001, 1790000034001, '{"type":"text","text":"I am","time":{"start":1790000034001}}'),
 ('prt_81', 'msg_8', 'ses_main', 1790000040001, 1790000040001, '{"type":"text","text":"","time":{"start":1790000040001}}'),
 ('prt_82', 'msg_8', 'ses_main', 1790000040002, 1790000040100, '{"type":"tool","tool":"bash","callID":"call_4","state":{"status":"running","input":{"command":"sleep 1"},"time":{"start":1790000040050}}}'),
 ('prt_c1', 'msg_c1', 'ses_child', 1790000010001, 1790000010001, '{"type":"text","text":"Find the hose"}'),
 ('prt_f1', 'msg_f1', 'ses_fork', 1790000080001, 1790000080001, '{"type":"text","text":"Which beds are dry? — look at the picture"}'),
 ('prt_f2', 'msg_f2', 'ses_fork', 1790000080002, 1790000080002, '{"type":"text","text":"I look at the sensors.","time":{"start":1790000002000,"end":1790000002900}}');
