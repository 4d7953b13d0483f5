-- What the operator's desk has to remember: logs that only grow, and documents with versions.
CREATE TABLE cointill_records (
	log      BLOB NOT NULL,
	position INTEGER NOT NULL,
	body     BLOB NOT NULL,
	PRIMARY KEY (log, position)
);
CREATE TABLE cointill_documents (
	kind    BLOB NOT NULL,
	name    BLOB NOT NULL,
	version INTEGER NOT NULL,
	body    BLOB NOT NULL,
	PRIMARY KEY (kind, name)
);
