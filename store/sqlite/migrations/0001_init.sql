-- Times are nanoseconds since 1970 UTC. doc is the whole value as JSON; the other columns are what queries
-- look for.

CREATE TABLE cointill_invoices (
	n           INTEGER PRIMARY KEY,
	id          TEXT NOT NULL,
	version     INTEGER NOT NULL,
	project     TEXT NOT NULL,
	standing    INTEGER NOT NULL,
	order_id    TEXT,             -- null when the shop gave none
	created     INTEGER NOT NULL,
	network     TEXT NOT NULL,    -- empty without a quote
	wake_tag    TEXT NOT NULL,
	wake_height INTEGER,          -- null for never
	wake_time   INTEGER,          -- null for never
	doc         TEXT NOT NULL     -- with spaces at its end, so that it can grow in its place
);
CREATE UNIQUE INDEX cointill_invoices_id ON cointill_invoices (id);
CREATE UNIQUE INDEX cointill_invoices_order ON cointill_invoices (order_id, project) WHERE order_id IS NOT NULL;
-- To read all invoices of a project.
CREATE INDEX cointill_invoices_created ON cointill_invoices (project, standing, created, id);
CREATE INDEX cointill_invoices_height ON cointill_invoices (network, wake_tag, wake_height) WHERE wake_height IS NOT NULL;
CREATE INDEX cointill_invoices_time ON cointill_invoices (network, wake_time) WHERE wake_time IS NOT NULL;

-- The index of listings (see package listing): the rows that changed since their segments were written, the
-- segments, and their parts.
CREATE TABLE cointill_changed (
	n       INTEGER PRIMARY KEY, -- cointill_invoices.n
	version INTEGER NOT NULL,
	row     BLOB NOT NULL
);
CREATE TABLE cointill_segments (
	segment INTEGER PRIMARY KEY,
	begun   INTEGER NOT NULL, -- the writing that began last
	parts   INTEGER NOT NULL, -- the writing whose parts count, 0 for none
	texts   INTEGER NOT NULL  -- the same for parts of texts
);
CREATE TABLE cointill_parts (
	n       INTEGER PRIMARY KEY,
	segment INTEGER NOT NULL,
	writing INTEGER NOT NULL,
	part    BLOB NOT NULL,
	data    BLOB NOT NULL
);
CREATE UNIQUE INDEX cointill_parts_part ON cointill_parts (segment, writing, part);

-- The invoice that holds a place, and the last one to release it: a place has at most these two rows. Claims check
-- that no other invoice holds it.
CREATE TABLE cointill_places (
	n        INTEGER PRIMARY KEY,
	place    INTEGER NOT NULL, -- 32 bits of the hash of address and slot
	network  TEXT NOT NULL,
	address  TEXT NOT NULL,
	slot     TEXT NOT NULL,    -- empty for an address that is not shared
	released INTEGER NOT NULL, -- 0 while it is held
	invoice  TEXT NOT NULL
);
-- An index of numbers, because it is five times smaller than one of texts: for a block, thousands of unknown
-- addresses are looked up, each of which costs a page of the index.
CREATE INDEX cointill_places_place ON cointill_places (place);
CREATE INDEX cointill_places_slot ON cointill_places (address, network, slot) WHERE released = 0 AND slot <> '';

-- Numbers that may be handed out again, in the order in which they were freed.
CREATE TABLE cointill_free (
	n      INTEGER PRIMARY KEY,
	wallet TEXT NOT NULL,
	idx    INTEGER NOT NULL
);
CREATE INDEX cointill_free_wallet ON cointill_free (wallet);

CREATE TABLE cointill_payments (
	network   TEXT NOT NULL,
	txid      TEXT NOT NULL,
	idx       TEXT NOT NULL,
	invoice   TEXT NOT NULL,
	height    INTEGER NOT NULL, -- of its block; 2^63-1 when it is in none
	withdrawn INTEGER NOT NULL,
	settled   INTEGER NOT NULL, -- 1 when it is in the sums of its invoice, which is read without it then
	doc       TEXT NOT NULL,
	PRIMARY KEY (network, txid, idx)
) WITHOUT ROWID;
-- The primary key follows, as in every index of such a table, so both kinds are in the order of their keys.
CREATE INDEX cointill_payments_invoice ON cointill_payments (invoice, settled);
CREATE INDEX cointill_payments_height ON cointill_payments (network, height) WHERE withdrawn = 0;

-- The only row holds the position up to which the feed skips.
CREATE TABLE cointill_feed (
	one     INTEGER PRIMARY KEY CHECK (one = 1),
	skipped INTEGER NOT NULL
);
INSERT INTO cointill_feed (one, skipped) VALUES (1, 0);

-- Only one transaction writes at a time, so positions grow in the order of the commits. They would be reused if the
-- last events were deleted, but no event is ever deleted.
CREATE TABLE cointill_events (
	position    INTEGER PRIMARY KEY,
	invoice     TEXT NOT NULL,
	seq         INTEGER NOT NULL,
	id          TEXT NOT NULL,
	project     TEXT NOT NULL,
	type        TEXT NOT NULL,
	from_status TEXT NOT NULL,
	to_status   TEXT NOT NULL,
	at          TEXT NOT NULL,
	comment     TEXT NOT NULL,
	actor       TEXT NOT NULL,
	body        BLOB
);
CREATE UNIQUE INDEX cointill_events_seq ON cointill_events (invoice, seq);

CREATE TABLE cointill_networks (
	network TEXT PRIMARY KEY,
	version INTEGER NOT NULL,
	cursor  BLOB,
	head    TEXT NOT NULL,
	at      TEXT NOT NULL,
	aside   TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE cointill_wallets (
	wallet TEXT PRIMARY KEY,
	next   INTEGER NOT NULL -- the next index to hand out
) WITHOUT ROWID;

CREATE TABLE cointill_projects (
	id       TEXT PRIMARY KEY,
	owner    TEXT NOT NULL,
	name     TEXT NOT NULL,
	key_hash TEXT NOT NULL UNIQUE,
	former_key_hash TEXT NOT NULL, -- empty: none
	version  INTEGER NOT NULL,
	doc      TEXT NOT NULL,
	UNIQUE (owner, name)
) WITHOUT ROWID;
CREATE INDEX cointill_projects_former_key ON cointill_projects (former_key_hash) WHERE former_key_hash <> '';

CREATE TABLE cointill_outbox (
	n        INTEGER PRIMARY KEY,
	id       TEXT NOT NULL,
	event    TEXT NOT NULL,
	invoice  TEXT NOT NULL,
	seq      INTEGER NOT NULL,
	project  TEXT NOT NULL,
	url      TEXT NOT NULL,
	endpoint TEXT NOT NULL,
	at       TEXT NOT NULL,
	body     BLOB,
	format   TEXT NOT NULL,
	secret   TEXT NOT NULL,
	receiver TEXT NOT NULL,     -- the endpoint of the project, or empty for the invoice's own callback
	state    TEXT NOT NULL,
	due      INTEGER NOT NULL,  -- when it may be claimed; the end of the lease while it is claimed
	since    INTEGER NOT NULL,  -- when due was set
	ready    INTEGER NOT NULL,  -- 1 when it is in state due and not held back
	claimed  INTEGER NOT NULL,  -- 1 while its newest claim is not recorded
	token    INTEGER NOT NULL,  -- of its newest claim
	tried    INTEGER NOT NULL
);
CREATE UNIQUE INDEX cointill_outbox_id ON cointill_outbox (id);
CREATE INDEX cointill_outbox_invoice ON cointill_outbox (invoice, seq);
CREATE INDEX cointill_outbox_ready ON cointill_outbox (due, n, endpoint) WHERE ready = 1;
-- To step from one endpoint to the next.
CREATE INDEX cointill_outbox_endpoint ON cointill_outbox (endpoint, due) WHERE ready = 1;
-- Waits that were set when the clock was ahead are at its end.
CREATE INDEX cointill_outbox_since ON cointill_outbox (since) WHERE ready = 1;
-- To find the messages to a URL, and the next message of an invoice.
CREATE INDEX cointill_outbox_url ON cointill_outbox (url, project, invoice, seq) WHERE state = 'due';

CREATE TABLE cointill_attempts (
	message  INTEGER NOT NULL, -- cointill_outbox.n
	attempt  INTEGER NOT NULL,
	at       TEXT NOT NULL,
	duration INTEGER NOT NULL, -- nanoseconds
	status   INTEGER NOT NULL,
	excerpt  TEXT NOT NULL,
	error    TEXT NOT NULL,
	PRIMARY KEY (message, attempt)
) WITHOUT ROWID;

CREATE TABLE cointill_gone (
	url     TEXT NOT NULL,
	project TEXT NOT NULL,
	PRIMARY KEY (url, project)
) WITHOUT ROWID;

-- The responses to requests with an Idempotency-Key, or marks that the requests are running.
CREATE TABLE cointill_replies (
	n     INTEGER PRIMARY KEY,
	name  BLOB NOT NULL,    -- SHA-256 of scope and key, which may be long
	scope BLOB NOT NULL,    -- the start of the SHA-256 of the scope
	entry BLOB NOT NULL,
	until INTEGER NOT NULL
);
CREATE UNIQUE INDEX cointill_replies_name ON cointill_replies (name);
CREATE INDEX cointill_replies_scope ON cointill_replies (scope, until);
CREATE INDEX cointill_replies_until ON cointill_replies (until);
