-- An installation as ingestd 0.1.0 of migration 0001 left it; storage.key is below.
-- f9c92338943dda2945714ea8939b91c498b0bf06423e1d964fe40f5f56a3105d
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE audit (
	id INTEGER NOT NULL, 
	at DOUBLE NOT NULL, 
	who TEXT NOT NULL, 
	action TEXT NOT NULL, 
	subject TEXT NOT NULL, 
	address TEXT NOT NULL, 
	detail TEXT NOT NULL, 
	CONSTRAINT pk_audit PRIMARY KEY (id)
);
INSERT INTO "audit" VALUES(1,1700000000.0,'server','user.create','user:admin','','admin');
INSERT INTO "audit" VALUES(2,1700000000.0,'server','channel.create','channel:demo','','');
INSERT INTO "audit" VALUES(3,1700000000.0,'server','key.create','channel:demo','','key cd348ab65b532ae8 made at the first start');
INSERT INTO "audit" VALUES(4,1700000000.0,'cli','user.create','user:ana','','broadcaster');
INSERT INTO "audit" VALUES(5,1700000000.0,'cli','user.create','user:bob','','broadcaster');
INSERT INTO "audit" VALUES(6,1700000000.0,'ana','channel.create','channel:news','192.0.2.1','');
INSERT INTO "audit" VALUES(7,1700000000.0,'ana','channel.create','channel:board','192.0.2.1','');
INSERT INTO "audit" VALUES(8,1700000000.0,'ana','channel.allow','channel:news','192.0.2.1','bob');
INSERT INTO "audit" VALUES(9,1700000000.0,'ana','key.create','channel:news','192.0.2.1','key 1652e74b7b7a7947 OBS');
INSERT INTO "audit" VALUES(10,1700000000.0,'ana','target.create','channel:news','192.0.2.1','target cb98d91b7961e7d7');
CREATE TABLE channels (
	id VARCHAR(16) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	title TEXT NOT NULL, 
	description TEXT NOT NULL, 
	owner_id VARCHAR(16), 
	private BOOLEAN NOT NULL, 
	record BOOLEAN NOT NULL, 
	created_at DOUBLE NOT NULL, 
	CONSTRAINT pk_channels PRIMARY KEY (id), 
	CONSTRAINT fk_channels_owner_id FOREIGN KEY(owner_id) REFERENCES users (id) ON DELETE SET NULL, 
	CONSTRAINT uq_channels_name UNIQUE (name)
);
INSERT INTO "channels" VALUES('a2a5c3c63f299525','demo','Demo','',NULL,0,0,1700000000.0);
INSERT INTO "channels" VALUES('01ea95ed890f4e1e','news','The news · “late”','Every day.
At eight.','529a6b00c42a03b8',0,1,1700000000.0);
INSERT INTO "channels" VALUES('50ffdb19a639dd0d','board','Board meeting','','529a6b00c42a03b8',1,0,1700000000.0);
CREATE TABLE publishers (
	channel_id VARCHAR(16) NOT NULL, 
	user_id VARCHAR(16) NOT NULL, 
	CONSTRAINT pk_publishers PRIMARY KEY (channel_id, user_id), 
	CONSTRAINT fk_publishers_channel_id FOREIGN KEY(channel_id) REFERENCES channels (id) ON DELETE CASCADE, 
	CONSTRAINT fk_publishers_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);
INSERT INTO "publishers" VALUES('01ea95ed890f4e1e','7ef110f2230a5ffd');
CREATE TABLE revocations (
	jti VARCHAR(200) NOT NULL, 
	expires_at DOUBLE NOT NULL, 
	CONSTRAINT pk_revocations PRIMARY KEY (jti)
);
CREATE TABLE sessions (
	id VARCHAR(16) NOT NULL, 
	digest BLOB NOT NULL, 
	user_id VARCHAR(16) NOT NULL, 
	device TEXT NOT NULL, 
	address TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	last_used_at DOUBLE NOT NULL, 
	CONSTRAINT pk_sessions PRIMARY KEY (id), 
	CONSTRAINT fk_sessions_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE, 
	CONSTRAINT uq_sessions_digest UNIQUE (digest)
);
INSERT INTO "sessions" VALUES('5ed57d0c8ddd8067',X'F80A4944FE6F3AD2633FE86A6DCC79D3F5BE568C217523D719DFDCB845892114','529a6b00c42a03b8','Firefox on Linux','192.0.2.1',1700000000.0,1700000000.0);
CREATE TABLE state (
	id INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	fingerprint BLOB NOT NULL, 
	CONSTRAINT pk_state PRIMARY KEY (id), 
	CONSTRAINT ck_state_ck_state_one_row CHECK (id = 1)
);
INSERT INTO "state" VALUES(1,8,X'B82AF9D788D0B76DB47F3994D191E7A2CE5223523850E3B35B1014AA5C71A41A');
CREATE TABLE stream_keys (
	id VARCHAR(16) NOT NULL, 
	channel_id VARCHAR(16) NOT NULL, 
	digest BLOB NOT NULL, 
	label TEXT NOT NULL, 
	created_at DOUBLE NOT NULL, 
	last_used_at DOUBLE, 
	last_used_from TEXT, 
	CONSTRAINT pk_stream_keys PRIMARY KEY (id), 
	CONSTRAINT fk_stream_keys_channel_id FOREIGN KEY(channel_id) REFERENCES channels (id) ON DELETE CASCADE, 
	CONSTRAINT uq_stream_keys_digest UNIQUE (digest)
);
INSERT INTO "stream_keys" VALUES('cd348ab65b532ae8','a2a5c3c63f299525',X'491C9B2FC3EDFD87A5FF8267D68A281C6944C0BE94C79F0172378815D35040DF','made at the first start',1700000000.0,NULL,NULL);
INSERT INTO "stream_keys" VALUES('1652e74b7b7a7947','01ea95ed890f4e1e',X'09BE9083287AA4D058136C2506F021D5C168D009B9A4EFBA35661A46529085FA','OBS',1700000000.0,1700000000.0,'192.0.2.9');
CREATE TABLE targets (
	id VARCHAR(16) NOT NULL, 
	channel_id VARCHAR(16) NOT NULL, 
	url TEXT NOT NULL, 
	sealed BLOB NOT NULL, 
	rendition TEXT NOT NULL, 
	enabled BOOLEAN NOT NULL, 
	created_at DOUBLE NOT NULL, 
	CONSTRAINT pk_targets PRIMARY KEY (id), 
	CONSTRAINT fk_targets_channel_id FOREIGN KEY(channel_id) REFERENCES channels (id) ON DELETE CASCADE
);
INSERT INTO "targets" VALUES('cb98d91b7961e7d7','01ea95ed890f4e1e','rtmps://live.example.org/app',X'674141414141427241657936475256466F6C6C6438566C5F546F4E626B7661584F474546616A3247353762714233496133543871645575475558436A643764353570576C59324D7155706C6C51535348716D6554554E52456A4F724C6F716D6674513D3D','720p',1,1700000000.0);
CREATE TABLE users (
	id VARCHAR(16) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	password TEXT NOT NULL, 
	role VARCHAR(16) NOT NULL, 
	disabled BOOLEAN NOT NULL, 
	created_at DOUBLE NOT NULL, 
	CONSTRAINT pk_users PRIMARY KEY (id), 
	CONSTRAINT uq_users_name UNIQUE (name)
);
INSERT INTO "users" VALUES('5631cf2f1bc714fe','admin','$argon2id$v=19$m=8,t=1,p=1$FRC2VfZ2UPsK8UtNbtwnCQ$Ar30a0nxAsDj6J7V4C6rlUjKQ9D/73ELSfiSpe8RFiM','admin',0,1700000000.0);
INSERT INTO "users" VALUES('529a6b00c42a03b8','ana','$argon2id$v=19$m=8,t=1,p=1$c2Y6xJwpegUp6AsLu0UojA$zICTR7fpTuQgrgwhmn8dh1MDa1eQoQoU0NnvC3FSOhM','broadcaster',0,1700000000.0);
INSERT INTO "users" VALUES('7ef110f2230a5ffd','bob','$argon2id$v=19$m=8,t=1,p=1$dtGNdA2rK9s/T3yZ9kGRSw$dJzZhxUiXO3XJCEtDZJPRvanP9WmXTS1IWHA7qDewWc','broadcaster',0,1700000000.0);
CREATE INDEX ix_sessions_user_id ON sessions (user_id);
CREATE INDEX ix_channels_owner_id ON channels (owner_id);
CREATE INDEX ix_publishers_user_id ON publishers (user_id);
CREATE INDEX ix_stream_keys_channel_id ON stream_keys (channel_id);
CREATE INDEX ix_targets_channel_id ON targets (channel_id);
CREATE INDEX ix_audit_subject ON audit (subject);
COMMIT;
