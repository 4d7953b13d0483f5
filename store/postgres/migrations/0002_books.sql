-- What package books keeps of payouts, in the order of the keys. The row with the empty key is no key of its: a commit
-- updates it, and so holds its lock until the end. Payouts change a few times, and balances all the time.
CREATE TABLE cointill_books (
	key   bytea PRIMARY KEY,
	value bytea NOT NULL
) WITH (fillfactor = 80);
INSERT INTO cointill_books (key, value) VALUES ('', '');

-- The ids of payouts that have messages: locked, like an invoice, to decide which of its messages is next.
CREATE TABLE cointill_subjects (
	id text COLLATE "C" PRIMARY KEY
);
