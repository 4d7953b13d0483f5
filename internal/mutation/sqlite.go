package main

const (
	queriesFile = "store/sqlite/queries.go"
	writerFile  = "store/sqlite/writer.go"
	queueFile   = "store/internal/queue/queue.go"
	outboxFile  = "store/sqlite/outbox.go"
	feedFile    = "store/internal/record/feed.go"
)

var sqliteTable = []mutation{
	{
		name: "an invoice is stored over another version", file: queriesFile,
		from: `WHERE id = ?1 AND version = ?2 - 1` + "`", to: `WHERE id = ?1 AND version <= ?2 - 1` + "`",
		rule: "a decision on facts that have changed is refused",
	},
	{
		name: "progress is stored over another version", file: queriesFile,
		from: `WHERE network = ?1 AND version = ?2 - 1`, to: `WHERE network = ?1 AND version <= ?2`,
		rule: "two processes do not both advance a network",
	},
	{
		name: "a claimed place is claimed", file: queriesFile,
		from: `			WHERE place = ?1 AND network = ?2 AND address = ?3 AND slot = ?4 AND released = 0)`,
		to:   `			WHERE place = ?1 AND network = ?2 AND address = ?3 AND slot = ?4 AND invoice = ?5 AND released = 0)`,
		rule: "no place is two invoices' at a time",
	},
	{
		name: "anybody releases a place", file: queriesFile,
		from: `AND slot = ? AND invoice = ? AND released = 0`, to: `AND slot = ? AND ? <> '' AND released = 0`,
		rule: "a place is given up by who holds it",
	},
	{
		name: "a forgotten place is anybody's", file: queriesFile,
		from: `AND address = ? AND slot = ? AND released = 1`, to: `AND address = ? AND slot = ?`,
		rule: "a place is given up by who holds it",
	},
	{
		name: "numbers are handed out twice", file: queriesFile,
		from: `DO UPDATE SET next = next + ?2 WHERE next + ?2 <= 4294967295`, to: `DO UPDATE SET next = next + ?2 - 1 WHERE next + ?2 <= 4294967295`,
		rule: "no number is handed out twice",
	},
	{
		name: "numbers never end", file: queriesFile,
		from: `WHERE next + ?2 <= 4294967295`, to: `WHERE next + ?2 <= 4294967296`,
		rule: "a number that is too large is refused",
	},
	{
		name: "the number that rested last is taken", file: queriesFile,
		from: `WHERE wallet = ? ORDER BY n LIMIT 1)`, to: `WHERE wallet = ? ORDER BY n DESC LIMIT 1)`,
		rule: "the number that has rested longest is taken first",
	},
	{
		name: "a payment changes hands", file: queriesFile,
		from: `		WHERE invoice = excluded.invoice` + "`", to: `		WHERE true` + "`",
		rule: "a payment stays with the invoice that has it",
	},
	{
		name: "a payment of nobody is stored", file: queriesFile,
		from: `WHERE EXISTS (SELECT 1 FROM cointill_invoices WHERE id = ?4)`, to: `WHERE true`,
		rule: "a payment has an invoice",
	},
	{
		name: "settled stays open", file: queriesFile,
		from: `withdrawn = excluded.withdrawn, settled = excluded.settled, doc`, to: `withdrawn = excluded.withdrawn, doc`,
		rule: "a payment counts once, whether it is settled or not",
	},
	{
		name: "a payment stays where it was", file: queriesFile,
		from: `		SET height = excluded.height, withdrawn`, to: `		SET withdrawn`,
		rule: "a rewinding finds the payments above the fork",
	},
	{
		name: "settled payments are read as open ones", file: queriesFile,
		from: `ON p.invoice = i.id AND p.settled = 0`, to: `ON p.invoice = i.id`,
		rule: "a payment counts once, whether it is settled or not",
	},
	{
		name: "a settled payment is not found", file: queriesFile,
		from: `CASE WHEN p.settled THEN p.doc END`, to: `NULL`,
		rule: "a settled payment that moves is found",
	},
	{
		name: "withdrawn payments are looked at for ever", file: queriesFile,
		from: `WHERE p.network = ? AND p.withdrawn = 0 AND p.height > ?)`, to: `WHERE p.network = ? AND p.height > ?)`,
		rule: "what the chain took back is not looked at with every step",
	},
	{
		name: "a rewinding takes the fork's block too in the store", file: queriesFile,
		from: `AND p.height > ?)`, to: `AND p.height > ? + 1)`,
		rule: "a rewinding finds the payments above the fork",
	},
	{
		name: "an event takes a number that is taken", file: queriesFile,
		from: "VALUES (1 + ` + feedEnd + `, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", to: "VALUES (1 + ` + feedEnd + `, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (invoice, seq) DO UPDATE SET body = excluded.body",
		rule: "what was told stays as it was told",
	},
	{
		name: "skipped positions are given", file: queriesFile,
		from: `max((SELECT COALESCE(max(position), 0) FROM cointill_events), (SELECT skipped FROM cointill_feed WHERE one = 1))`,
		to:   `max((SELECT COALESCE(max(position), 0) FROM cointill_events), 0)`,
		rule: "after a restore the feed goes on beyond every position that a reader may have seen",
	},
	{
		name: "the feed is skipped back", file: queriesFile,
		from: `WHERE one = 1 AND skipped < ?1`, to: `WHERE one = 1`,
		rule: "positions grow",
	},
	{
		name: "a reader sees the last event again", file: queriesFile,
		from: `WHERE position > ? ORDER BY position LIMIT ?`, to: `WHERE position >= ? ORDER BY position LIMIT ?`,
		rule: "a reader of the feed sees each event once",
	},
	{
		name: "the feed has no order", file: queriesFile,
		from: `WHERE position > ? ORDER BY position LIMIT ?`, to: `WHERE position > ? ORDER BY position DESC LIMIT ?`,
		rule: "the feed is in the order of its positions",
	},
	{
		name: "what matures at a height wakes after it", file: queriesFile,
		from: `wake_tag = '' AND wake_height <= ?2`, to: `wake_tag = '' AND wake_height < ?2`,
		rule: "an invoice is completed with the block that makes its payment deep enough",
	},
	{
		name: "the final clock is the safe one", file: queriesFile,
		from: `wake_tag = 'finalized' AND wake_height <= ?4`, to: `wake_tag = 'finalized' AND wake_height <= ?3`,
		rule: "an invoice wakes by the finality that its terms name",
	},
	{
		name: "an invoice wakes at its deadline", file: queriesFile,
		from: `AND wake_time < ?5`, to: `AND wake_time <= ?5`,
		rule: "an invoice wakes after its deadline",
	},
	{
		name: "released amounts are held", file: queriesFile,
		from: `AND slot BETWEEN ? AND ? AND released = 0`, to: `AND slot BETWEEN ? AND ?`,
		rule: "an amount that was given up can be asked for again",
	},
	{
		name: "a message that comes overtakes another", file: queriesFile,
		from: `invoice = ?3 AND state = 'due' AND seq < ?4)`, to: `invoice = ?3 AND state = 'due' AND seq < ?4 AND false)`,
		rule: "messages of one invoice are told in order",
	},
	{
		name: "messages of an invoice overtake each other", file: queriesFile,
		from: `invoice = ?3 AND state = 'due' AND ready = 0 AND seq = (`, to: `invoice = ?3 AND state = 'due' AND ready = 0 AND seq >= (`,
		rule: "messages of one invoice are told in order",
	},
	{
		name: "a message that was given up holds others back", file: queriesFile,
		from: `SELECT min(seq) FROM cointill_outbox WHERE url = ?1 AND project = ?2 AND invoice = ?3 AND state = 'due')`, to: `SELECT min(seq) FROM cointill_outbox WHERE url = ?1 AND project = ?2 AND invoice = ?3 AND state <> 'delivered')`,
		rule: "a dead message does not hold back those after it",
	},
	{
		name: "one endpoint holds back another", file: queriesFile,
		from: `				WHERE url = ?6 AND project = ?5 AND invoice = ?3`, to: `				WHERE project = ?5 AND invoice = ?3`,
		rule: "an endpoint that does not answer delays nobody else",
	},
	{
		name: "a message is claimed before its time", file: queriesFile,
		from: `WHERE n = ?1 AND ready = 1 AND due <= ?2`, to: `WHERE n = ?1 AND ready = 1 AND due <= ?3`,
		rule: "a message is with one process at a time",
	},
	{
		name: "a message is found before its time", file: queriesFile,
		from: `FROM cointill_outbox WHERE ready = 1 AND due <= ?1 ORDER BY due, n LIMIT ?2)`, to: `FROM cointill_outbox WHERE ready = 1 AND due >= ?1 ORDER BY due, n LIMIT ?2)`,
		rule: "a message is sent when it is due",
	},
	{
		name: "the endpoints to leave out are not", file: queriesFile,
		from: `		WHERE endpoint NOT IN (SELECT value FROM json_each(?3)) AND ` + "`" + ` + notPrefixed + ` + "`" + ` ORDER BY due, n`, to: `		WHERE ?3 <> '' AND ` + "`" + ` + notPrefixed + ` + "`" + ` ORDER BY due, n`,
		rule: "an endpoint that hangs is left alone",
	},
	{
		name: "a claim does not replace the one before", file: queriesFile,
		from: `SET token = token + 1, claimed = 1, due = ?`, to: `SET claimed = 1, due = ?`,
		rule: "a process whose claim has run out records nothing",
	},
	{
		name: "a stale claim is recorded", file: queriesFile,
		from: `WHERE id = ?1 AND token = ?2 AND claimed = 1`, to: `WHERE id = ?1 AND ?2 > 0 AND claimed = 1`,
		rule: "a process whose claim has run out records nothing",
	},
	{
		name: "an attempt is recorded twice", file: queriesFile,
		from: `WHERE id = ?1 AND token = ?2 AND claimed = 1`, to: `WHERE id = ?1 AND token = ?2`,
		rule: "each attempt is recorded once",
	},
	{
		name: "attempts are not counted", file: queriesFile,
		from: `claimed = 0, tried = tried + 1`, to: `claimed = 0`,
		rule: "a message is given up after so many attempts",
	},
	{
		name: "an endpoint that is gone gets more", file: queriesFile,
		from: "?13, ?13, CASE WHEN ` + isGone + ` THEN 'dead' ELSE 'due' END,", to: `?13, ?13, 'due',`,
		rule: "an endpoint that said it is gone is told nothing more",
	},
	{
		name: "gone is gone for all projects", file: queriesFile,
		from: `WHERE url = ? AND project = ? AND state = 'due'`, to: `WHERE url = ? AND ? <> '' AND state = 'due'`,
		rule: "what one project's endpoint says concerns that project alone",
	},
	{
		name: "a resent message has no attempts left", file: queriesFile,
		from: `ready = 0, claimed = 0, tried = 0 WHERE n = ?`, to: `ready = 0, claimed = 0 WHERE n = ?`,
		rule: "a message that is sent again has all its attempts",
	},
	{
		name: "the oldest message is resent", file: queriesFile,
		from: `WHERE m.invoice = ? AND m.receiver = ? ORDER BY m.seq DESC, m.n DESC LIMIT 1`, to: `WHERE m.invoice = ? AND m.receiver = ? ORDER BY m.seq, m.n LIMIT 1`,
		rule: "what is sent again is the latest message",
	},
	{
		name: "another receiver's message is resent", file: queriesFile,
		from: `WHERE m.invoice = ? AND m.receiver = ? ORDER BY m.seq DESC`, to: `WHERE m.invoice = ? AND m.receiver >= ? ORDER BY m.seq DESC`,
		rule: "what is sent again goes to whom it was asked for",
	},
	{
		name: "a claim does not hide a message", file: outboxFile,
		from: `listing.Nanos(now.Add(lease))`, to: `listing.Nanos(now.Add(0*lease))`,
		rule: "a message is with one process at a time",
	},
	{
		name: "an endpoint gets more than it may", file: outboxFile,
		from: `if had[endpoint]++; q.PerEndpoint <= 0 ||`, to: `if had[endpoint]++; true ||`,
		rule: "an endpoint gets so many at a time",
	},
	{
		name: "what comes after a recorded message waits for ever", file: outboxFile,
		from: `	return t.release(url, project, invoiceID, now)`, to: `	_ = invoiceID
	return nil`,
		rule: "after a message is told the next one of its invoice is",
	},
	{
		name: "a clock that was ahead holds messages back", file: outboxFile,
		from: `			if ahead {`, to: `			if false {`,
		rule: "a clock that was ahead puts off no message",
	},
	{
		name: "an endpoint that is gone keeps its messages", file: outboxFile,
		from: `		if _, err := t.exec(qKill, url, project); err != nil {`, to: `		if false {`,
		rule: "an endpoint that said it is gone is told nothing more",
	},
	{
		name: "a resent endpoint is gone still", file: outboxFile,
		from: `		if _, err := t.exec(qDeleteGone, m.URL, m.Project); err != nil {`, to: `		if false {`,
		rule: "an operator may try an endpoint again that said it is gone",
	},
	{
		name: "half of a refused batch is stored", file: writerFile,
		from: `if j.err != nil && (t.changed || !isRefusal(j.err)) {`, to: `if j.err != nil && !isRefusal(j.err) {`,
		rule: "of a batch that is refused nothing is stored",
	},
	{
		name: "a withdrawn batch is stored", file: queueFile,
		from: `	q.waiting = slices.Delete(q.waiting, i, i+1)
	return true`,
		to:   `	return true`,
		rule: "of a batch whose caller was told that it has failed nothing is stored",
	},
	{
		name: "one batch fails with another", file: writerFile,
		from: `if len(group) == 1 || !errors.As(err, &mixed) {`, to: `if len(group) >= 1 || !errors.As(err, &mixed) {`,
		rule: "no caller fails for another's fault",
	},
	{
		name: "a commit that fails is answered as made", file: writerFile,
		from: `		return fmt.Errorf("commit: %w", err)`, to: `		return nil`,
		rule: "what is answered as stored is durable",
	},
	{
		name: "a release is not refused", file: "store/sqlite/commit.go",
		from: `		if err := t.put(qReleasePlace, "release", c); err != nil {`, to: `		if _, err := t.exec(qReleasePlace, c.args...); err != nil {`,
		rule: "a place is given up by who holds it",
	},
	{
		name: "a place has another number than in a database", file: "store/sqlite/commit.go",
		from: `		text += "\x00" + p.Slot`, to: `		text += p.Slot`,
		rule: "what a database of an earlier version has of a place is found",
	},
	{
		name: "a place that is held is claimed", file: queriesFile,
		from: `VALUES ((SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM cointill_places`, to: `VALUES ((SELECT ?1 WHERE true OR NOT EXISTS (SELECT 1 FROM cointill_places`,
		rule: "a place has one holder",
	},
	{
		name: "what came after the filter of places is not read", file: queriesFile,
		from: `FROM cointill_places WHERE n > ?2` + "`", to: `FROM cointill_places WHERE n > ?2 AND false` + "`",
		rule: "no place is taken for a stranger's",
	},
	{
		name: "what a transaction may undo is learned", file: "store/sqlite/read.go",
		from: "	if r.tx == nil {\n		f = r.known.filter.Load()", to: "	if true {\n		f = r.known.filter.Load()",
		rule: "no place is taken for a stranger's",
	},
	{
		name: "a filter of places covers a row that is to come", file: "store/sqlite/known.go",
		from: `newFilter(last), math.MinInt64`, to: `newFilter(last+1), math.MinInt64`,
		rule: "no place is taken for a stranger's",
	},
	{
		name: "a position beyond the end is accepted", file: feedFile,
		from: `	if err == nil && after > end {`, to: `	if false {`,
		rule: "a reader of a feed that has lost its end learns so",
	},
	{
		name: "the last position is beyond the end", file: feedFile,
		from: `	if err == nil && after > end {`, to: `	if err == nil && after >= end && end > 0 {`,
		rule: "a reader that has seen all waits for more",
	},
	{
		name: "a damaged event ends the feed", file: feedFile,
		from: `		more = page.rows == left && len(page.Events) < left`, to: `		more = false`,
		rule: "a damaged event stops no reader",
	},
}
