-- Nothing that is read in an order depends on the order of identity numbers any more: where sequences are cached by each
-- connection or node, a later row may have a lower one.

-- When the number was freed. Rows of programs that do not know the column have 0, and are taken first.
ALTER TABLE cointill_free ADD COLUMN freed bigint NOT NULL DEFAULT 0;
CREATE INDEX cointill_free_freed ON cointill_free (wallet, freed, n);

-- The claim that the attempt belongs to, or the number that a claim would have had: it grows with each attempt of a message.
-- Attempts of programs that do not know the column have 0, and come first.
ALTER TABLE cointill_attempts ADD COLUMN token bigint NOT NULL DEFAULT 0;
