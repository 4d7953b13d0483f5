-- What package books keeps of payouts, in the order of the keys.
CREATE TABLE cointill_books (
	key   BLOB PRIMARY KEY,
	value BLOB NOT NULL
) WITHOUT ROWID;
