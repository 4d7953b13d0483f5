-- What the operator's desk has to remember: logs that only grow, and documents with versions. The row of a log is locked
-- by what appends to it until the end of the transaction, so that positions are in the order of commits.
CREATE TABLE cointill_logs (
	log    bytea PRIMARY KEY,
	length bigint NOT NULL
) WITH (fillfactor = 10);
CREATE TABLE cointill_records (
	log      bytea NOT NULL,
	position bigint NOT NULL,
	body     bytea NOT NULL,
	PRIMARY KEY (log, position)
);
CREATE TABLE cointill_documents (
	kind    bytea NOT NULL,
	name    bytea NOT NULL,
	version bigint NOT NULL,
	body    bytea NOT NULL,
	PRIMARY KEY (kind, name)
) WITH (fillfactor = 80);
