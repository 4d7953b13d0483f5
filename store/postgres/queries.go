package postgres

// Statements that write take any number of rows, as one array for each column. TestA43 proves that each statement uses
// an index. Sub-queries with OFFSET 0 are not merged into their surroundings: each row is looked up, however many the
// planner expects. Where thousands are asked for, (SELECT $1) hides their number from the planner. It would compile the
// query otherwise, which takes a second for what takes some milliseconds.

const (
	// qPlanOnce keeps the statements of a commit from being planned anew each time, which takes longer than running
	// them: their plan does not depend on the number of rows.
	qPlanOnce = `SET LOCAL plan_cache_mode = force_generic_plan`

	qLockLeases = `SELECT duty, token FROM cointill_leases WHERE duty = ANY($1::text[]) ORDER BY duty FOR SHARE`

	qInsertProgress = `INSERT INTO cointill_networks (network, version, cursor, head, at, aside)
		SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::text[], $5::text[], $6::text[])
		ON CONFLICT DO NOTHING RETURNING network`
	qUpdateProgress = `UPDATE cointill_networks n
		SET version = u.version, cursor = u.cursor, head = u.head, at = u.at, aside = u.aside
		FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::text[], $5::text[], $6::text[])
			AS u (network, version, cursor, head, at, aside)
		WHERE n.network = u.network AND n.version = u.version - 1 RETURNING n.network`

	// qInsertInvoices and qUpdateInvoices also write the rows of listings.
	qInsertInvoices = `WITH u AS (SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[],
				$7::text[], $8::bytea[], $9::text[], $10::boolean[], $11::text[], $12::bigint[])
			AS u (id, version, network, wake_tag, wake_height, wake_time, doc, row, project, standing, order_id, created)),
		written AS (INSERT INTO cointill_invoices (
				id, version, network, wake_tag, wake_height, wake_time, doc, project, standing, order_id, created)
			SELECT id, version, network, wake_tag, wake_height, wake_time, doc, project, standing, order_id, created FROM u
			ON CONFLICT DO NOTHING RETURNING n, id),
		listed AS (INSERT INTO cointill_changed (n, version, row)
			SELECT written.n, u.version, u.row FROM written JOIN u ON u.id = written.id)
		SELECT id FROM written`
	qUpdateInvoices = `WITH u AS (SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[],
				$7::text[], $8::bytea[])
			AS u (id, version, network, wake_tag, wake_height, wake_time, doc, row)),
		written AS (UPDATE cointill_invoices i SET version = u.version, network = u.network, wake_tag = u.wake_tag,
				wake_height = u.wake_height, wake_time = u.wake_time, doc = u.doc
			FROM u WHERE i.id = u.id AND i.version = u.version - 1 RETURNING i.n, i.id, i.version, u.row),
		listed AS (INSERT INTO cointill_changed (n, version, row) SELECT n, version, row FROM written
			ON CONFLICT (n) DO UPDATE SET version = excluded.version, row = excluded.row)
		SELECT id FROM written`
	// qWhoHas finds out why an invoice was not inserted.
	qWhoHas = `SELECT EXISTS (SELECT 1 FROM cointill_invoices WHERE id = $1),
		(SELECT id FROM cointill_invoices WHERE project = $2 AND order_id = $3)`

	qReleasePlaces = `UPDATE cointill_places p SET released = (SELECT max(released) + 1 FROM cointill_places
			WHERE address = p.address AND network = p.network AND slot = p.slot)
		FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]) AS u (network, address, slot, invoice)
		WHERE p.address = u.address AND p.network = u.network AND p.slot = u.slot AND p.released = 0 AND p.invoice = u.invoice
		RETURNING p.network || ' ' || p.address || ' ' || p.slot`
	qClaimPlaces = `INSERT INTO cointill_places (network, address, slot, invoice, released)
		SELECT *, 0 FROM unnest($1::text[], $2::text[], $3::text[], $4::text[])
		ON CONFLICT DO NOTHING RETURNING network || ' ' || address || ' ' || slot`
	// qFreeIndexes notes the order by time, and goes on after the latest if the clock is behind.
	qFreeIndexes = `INSERT INTO cointill_free (wallet, idx, freed)
		SELECT u.wallet, u.idx, u.ord + GREATEST(` + now + `, (SELECT max(freed) FROM cointill_free WHERE wallet = u.wallet))
		FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY AS u (wallet, idx, ord)`

	qPutPayments = `INSERT INTO cointill_payments (network, txid, idx, invoice, height, withdrawn, settled, doc)
		SELECT u.* FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::boolean[], $7::boolean[], $8::text[])
			AS u (network, txid, idx, invoice, height, withdrawn, settled, doc)
		WHERE EXISTS (SELECT 1 FROM cointill_invoices WHERE id = u.invoice OFFSET 0)
		ON CONFLICT (network, txid, idx) DO UPDATE
		SET height = excluded.height, withdrawn = excluded.withdrawn, settled = excluded.settled, doc = excluded.doc
		WHERE cointill_payments.invoice = excluded.invoice
		RETURNING network || ' ' || txid || ' ' || idx`

	// qAppendEvents holds the lock of the feed until the end of the transaction: see doc.go.
	qAppendEvents = `WITH feed AS (UPDATE cointill_feed SET length = length + cardinality($1::text[]) WHERE one
			RETURNING length - cardinality($1::text[]) AS before)
		INSERT INTO cointill_events (position, invoice, seq, id, project, type, from_status, to_status, at, comment, actor, body)
		SELECT feed.before + u.ord, u.invoice, u.seq, u.id, u.project, u.type, u.from_status, u.to_status, u.at, u.comment, u.actor, u.body
		FROM feed, unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
			$9::text[], $10::text[], $11::bytea[]) WITH ORDINALITY
			AS u (invoice, seq, id, project, type, from_status, to_status, at, comment, actor, body, ord)
		ON CONFLICT DO NOTHING RETURNING invoice || ' ' || seq`

	// qSkip takes the same lock.
	qSkip = `UPDATE cointill_feed SET length = $1 WHERE one AND length < $1`

	qReserve = `INSERT INTO cointill_wallets AS w (wallet, next) VALUES ($1, $2::bigint)
		ON CONFLICT (wallet) DO UPDATE SET next = w.next + $2::bigint WHERE w.next + $2::bigint <= 4294967295
		RETURNING next - $2::bigint`
	qReserved = `SELECT COALESCE((SELECT next FROM cointill_wallets WHERE wallet = $1), 0)`
	// qTakeIndex does not wait: it skips a number that another transaction is taking.
	qTakeIndex = `DELETE FROM cointill_free WHERE wallet = $1 AND n = (SELECT n FROM cointill_free
			WHERE wallet = $1 ORDER BY freed, n LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING idx`

	qLease = `INSERT INTO cointill_leases AS l (duty, holder, token, until)
		VALUES ($1, $2, 1, clock_timestamp() + $3::bigint * interval '1 microsecond')
		ON CONFLICT (duty) DO UPDATE SET holder = excluded.holder,
			token = CASE WHEN l.holder = excluded.holder AND l.until > clock_timestamp() THEN l.token ELSE l.token + 1 END,
			until = clock_timestamp() + $3::bigint * interval '1 microsecond'
		WHERE l.holder = excluded.holder OR l.until <= clock_timestamp()
		RETURNING token`
	qReleaseLease = `UPDATE cointill_leases SET until = '-infinity' WHERE duty = $1 AND token = $2`

	// Invoices are read with a row for each open payment, or one row with null if there is none, in one statement and
	// so from one state.
	selectInvoices = `SELECT i.id, i.doc, p.doc FROM `
	withPayments   = ` CROSS JOIN LATERAL (SELECT id, doc FROM cointill_invoices WHERE id = f.id OFFSET 0) i
		LEFT JOIN LATERAL (SELECT doc FROM cointill_payments WHERE invoice = f.id AND NOT settled OFFSET 0) p ON true`
	// ofFound reads the invoices of the payments that were found, with a row for each of these payments that is
	// settled.
	foundPayment = `SELECT p.invoice, CASE WHEN p.settled THEN p.doc END AS doc`
	ofFound      = selectInvoices + `(SELECT DISTINCT invoice AS id FROM found) f` + withPayments + `
		UNION ALL SELECT found.invoice, i.doc, found.doc FROM found
			CROSS JOIN LATERAL (SELECT doc FROM cointill_invoices WHERE id = found.invoice OFFSET 0) i WHERE found.doc IS NOT NULL`
	qInvoice        = selectInvoices + `(SELECT $1::text COLLATE "C" AS id) f` + withPayments
	qInvoiceByOrder = selectInvoices + `(SELECT id FROM cointill_invoices WHERE project = $1 AND order_id = $2) f` + withPayments
	// qAt first looks whether the address is known at all, as few of a block are, and then steps from one of its
	// networks to the next. For each it reads no more than two entries of the index, however many slots the address has
	// there, and whatever its past.
	qAt = `WITH RECURSIVE known AS (
			SELECT asked.address, asked.slot, first.network FROM unnest((SELECT $1::text[]), (SELECT $2::text[])) AS asked (address, slot)
				CROSS JOIN LATERAL (SELECT network FROM cointill_places WHERE address = asked.address ORDER BY network LIMIT 1) first
			UNION ALL
			SELECT known.address, known.slot, beyond.network FROM known CROSS JOIN LATERAL (SELECT network FROM cointill_places
				WHERE address = known.address AND network > known.network ORDER BY network LIMIT 1) beyond)
		` + selectInvoices + `(SELECT DISTINCT had.invoice AS id FROM known CROSS JOIN LATERAL (
			SELECT invoice FROM cointill_places
				WHERE address = known.address AND network = known.network AND slot = known.slot AND released = 0
			UNION ALL (SELECT invoice FROM cointill_places
				WHERE address = known.address AND network = known.network AND slot = known.slot AND released > 0
				ORDER BY released DESC LIMIT 1)) had) f` + withPayments
	qPaidBy = `WITH found AS MATERIALIZED (` + foundPayment + `
			FROM unnest((SELECT $1::text[]), (SELECT $2::text[]), (SELECT $3::text[])) AS asked (network, txid, idx)
		CROSS JOIN LATERAL (SELECT invoice, settled, doc FROM cointill_payments
			WHERE network = asked.network AND txid = asked.txid AND idx = asked.idx OFFSET 0) p) ` + ofFound
	qPaidIn = `WITH found AS MATERIALIZED (` + foundPayment + ` FROM cointill_payments p
		WHERE network = $1 AND txid = $2) ` + ofFound
	// qHeldSlots reads the empty slot, which is not a slot of a shared address, separately.
	qHeldSlots = `SELECT slot FROM (
		SELECT slot FROM cointill_places
			WHERE network = $1 AND address = $2 AND slot = '' AND released = 0 AND $3::text = ''
		UNION ALL (SELECT slot FROM cointill_places
			WHERE network = $1 AND address = $2 AND slot BETWEEN $3 AND $4 AND released = 0 AND slot <> '' ORDER BY slot LIMIT $5)
		) held ORDER BY slot LIMIT $5`
	// qPaidAfter steps from one invoice to the next, however many payments they have.
	qPaidAfter = `WITH RECURSIVE paid AS (SELECT $1::text COLLATE "C" AS id
			UNION ALL SELECT LEAST((SELECT min(invoice) FROM cointill_payments WHERE NOT settled AND invoice > paid.id),
				(SELECT min(invoice) FROM cointill_payments WHERE settled AND invoice > paid.id)) FROM paid WHERE paid.id IS NOT NULL)
		` + selectInvoices + `(SELECT id FROM paid WHERE id <> $1 LIMIT $2) f` + withPayments + ` ORDER BY i.id`
	// qPayments reads all open payments, which are few, but no more of the settled ones than it has to. The barrier of
	// OFFSET 0, and the invoice in front of the key, keep the planner from using the primary key for either.
	qPayments = `SELECT doc FROM (
			SELECT network, txid, idx, doc FROM (SELECT network, txid, idx, doc FROM cointill_payments
				WHERE invoice = $1 AND NOT settled OFFSET 0) open
			WHERE (network, txid, idx) > ($2, $3, $4)
		UNION ALL (SELECT network, txid, idx, doc FROM cointill_payments
			WHERE invoice = $1 AND settled AND (invoice, network, txid, idx) > ($1, $2, $3, $4)
			ORDER BY invoice, network, txid, idx LIMIT $5)) p ORDER BY network, txid, idx LIMIT $5`
	qAbove = `WITH found AS MATERIALIZED (` + foundPayment + ` FROM cointill_payments p
		WHERE network = $1 AND NOT withdrawn AND height > $2) ` + ofFound
	qWaking = selectInvoices + `(SELECT id FROM (
			(SELECT id FROM cointill_invoices
				WHERE network = $1 AND wake_tag = '' AND wake_height <= $2 ORDER BY wake_height LIMIT $6)
			UNION (SELECT id FROM cointill_invoices
				WHERE network = $1 AND wake_tag = 'safe' AND wake_height <= $3 ORDER BY wake_height LIMIT $6)
			UNION (SELECT id FROM cointill_invoices
				WHERE network = $1 AND wake_tag = 'finalized' AND wake_height <= $4 ORDER BY wake_height LIMIT $6)
			UNION (SELECT id FROM cointill_invoices
				WHERE network = $1 AND wake_time < $5 ORDER BY wake_time LIMIT $6)
		) w LIMIT $6) f` + withPayments
	qChanged        = `SELECT n, row FROM cointill_changed`
	qChangedNumbers = `SELECT n FROM cointill_changed`
	qChangedOf      = `SELECT n, version, row FROM cointill_changed WHERE n BETWEEN $1 AND $2 ORDER BY n`
	qVersions       = `SELECT COALESCE(sum(parts), 0)::text FROM cointill_segments`
	qSegments       = `SELECT segment, parts, texts FROM cointill_segments`
	qSegment        = `SELECT parts FROM cointill_segments WHERE segment = $1`
	qParts          = `SELECT asked.segment, p.part, p.data FROM unnest((SELECT $1::bigint[]), (SELECT $2::bigint[])) AS asked (segment, writing)
		CROSS JOIN LATERAL (SELECT part, data FROM cointill_parts
			WHERE segment = asked.segment AND writing = asked.writing AND part = ANY($3::bytea[]) OFFSET 0) p`
	qSome = `SELECT asked.ord - 1, p.data FROM unnest((SELECT $1::bigint[]), (SELECT $2::bigint[]), (SELECT $3::bytea[]))
			WITH ORDINALITY AS asked (segment, writing, part, ord)
		CROSS JOIN LATERAL (SELECT data FROM cointill_parts
			WHERE segment = asked.segment AND writing = asked.writing AND part = asked.part OFFSET 0) p`
	qListed       = selectInvoices + `(SELECT id COLLATE "C" AS id FROM unnest((SELECT $1::text[])) AS asked (id)) f` + withPayments
	qBeginWriting = `INSERT INTO cointill_segments AS s (segment, begun, parts, texts) VALUES ($1, $2, 0, 0)
		ON CONFLICT (segment) DO UPDATE SET begun = greatest(s.begun + 1, $2) RETURNING begun`
	// qWriting keeps another writing from beginning until the end of the transaction.
	qWriting       = `SELECT 1 FROM cointill_segments WHERE segment = $1 AND begun = $2 FOR SHARE`
	qFinishWriting = `UPDATE cointill_segments SET parts = $2, texts = CASE WHEN $3 THEN $2 ELSE texts END
		WHERE segment = $1 AND begun = $2`
	// qMerged does not wait: it skips what is just changing again.
	qMerged = `DELETE FROM cointill_changed WHERE n IN (SELECT c.n
		FROM unnest((SELECT $1::bigint[]), (SELECT $2::bigint[])) AS m (n, version)
		JOIN cointill_changed c ON c.n = m.n AND c.version = m.version FOR UPDATE OF c SKIP LOCKED)`
	// qClearParts takes the range of the parts of texts as $2 and $3.
	qClearParts = `DELETE FROM cointill_parts WHERE (segment, writing, part) IN (SELECT p.segment, p.writing, p.part
		FROM cointill_segments s CROSS JOIN LATERAL (SELECT segment, writing, part FROM cointill_parts
			WHERE segment = $1 AND writing < s.begun AND writing <> s.parts AND (writing <> s.texts OR part NOT BETWEEN $2 AND $3)
			LIMIT $4) p
		WHERE s.segment = $1)`

	// vacuumChanged cleans up the table that every query of a listing reads, and of which most has been deleted.
	vacuumChanged = `VACUUM (SKIP_LOCKED) cointill_changed`

	qNetwork = `SELECT version, cursor, head, at, aside FROM cointill_networks WHERE network = $1`

	eventColumns = `SELECT position, invoice, seq, id, project, type, from_status, to_status, at, comment, actor, body
		FROM cointill_events`
	qEvents        = eventColumns + ` WHERE position > $1 ORDER BY position LIMIT $2`
	qInvoiceEvents = eventColumns + ` WHERE invoice = $1 AND seq > $2 ORDER BY seq`
	qFeedEnd       = `SELECT length FROM cointill_feed WHERE one`

	qInsertProject = `INSERT INTO cointill_projects (id, owner, name, key_hash, former_key_hash, version, doc)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`
	qUpdateProject = `UPDATE cointill_projects SET owner = $2, name = $3, key_hash = $4, former_key_hash = $5, version = $6, doc = $7
		WHERE id = $1 AND version = $6 - 1`
	qProject      = `SELECT id, doc FROM cointill_projects WHERE id = $1`
	qProjectByKey = `SELECT id, doc FROM (SELECT 1 AS rank, id, doc FROM cointill_projects WHERE key_hash = $1
		UNION ALL SELECT 2, id, doc FROM cointill_projects WHERE former_key_hash = $1 AND former_key_hash <> '') found ORDER BY rank LIMIT 1`
	qProjects = `SELECT id, doc FROM cointill_projects WHERE id > $1 ORDER BY id LIMIT $2`
	// The collation, which the owner has as well, makes the function lower change only ASCII letters.
	qProjectsByOwner = `SELECT id FROM cointill_projects WHERE position(lower($1::text COLLATE "C") IN lower(owner)) > 0 ORDER BY id`

	// qLockInvoices keeps Record and Resend from deciding which message is next without the messages that are about to
	// be stored.
	qLockInvoices = `SELECT id FROM cointill_invoices WHERE id = ANY($1::text[]) ORDER BY id FOR NO KEY UPDATE`
	// qLockSubjects does the same for payouts: it inserts and locks their rows, and changes none.
	qLockSubjects = `INSERT INTO cointill_subjects (id) SELECT id FROM unnest($1::text[]) AS u (id) ORDER BY id COLLATE "C"
		ON CONFLICT (id) DO UPDATE SET id = excluded.id WHERE false`
	// qPutMessages makes messages due one after the other, by a nanosecond, which the clock does not count.
	qPutMessages = `INSERT INTO cointill_outbox (
		id, event, invoice, seq, project, url, endpoint, at, body, format, secret, receiver, due, since, state, ready, claimed, token, tried)
		SELECT u.id, u.event, u.invoice, u.seq, u.project, u.url, u.endpoint, u.at, u.body, u.format, u.secret, u.receiver,` + now + ` + u.ord - 1,` + now + `,
			CASE WHEN g.url IS NULL THEN 'due' ELSE 'dead' END,
			g.url IS NULL AND u.first AND NOT EXISTS (SELECT 1 FROM cointill_outbox e
				WHERE e.url = u.url AND e.project = u.project AND e.invoice = u.invoice AND e.seq < u.seq AND e.state = 'due' OFFSET 0),
			false, 0, 0
		FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::text[],
			$9::bytea[], $10::text[], $11::text[], $12::text[], $13::boolean[]) WITH ORDINALITY
			AS u (id, event, invoice, seq, project, url, endpoint, at, body, format, secret, receiver, first, ord)
		LEFT JOIN LATERAL (SELECT url FROM cointill_gone WHERE url = u.url AND project = u.project OFFSET 0) g ON true
		ON CONFLICT DO NOTHING RETURNING id`

	// n identifies a row. It decides an order only where nothing else does: in one database without cached sequences it is
	// the order of insertion.
	messageColumns = `m.n, m.id, m.event, m.invoice, m.seq, m.project, m.url, m.endpoint, m.at, m.body, m.format, m.secret, m.receiver`
	// now is the time of the statement. Unlike the clock, it can be compared with an index.
	now         = ` (extract(epoch FROM statement_timestamp()) * 1000000000)::bigint`
	notPrefixed = `NOT EXISTS (SELECT 1 FROM unnest($2::text[]) AS prefix WHERE starts_with(endpoint, prefix))`
	// lookAround looks at no more than $4 messages, regardless of their endpoints, and finds no more than $3 of each
	// endpoint.
	lookAround = `WITH look AS MATERIALIZED (SELECT id, due, n, endpoint FROM cointill_outbox
			WHERE ready AND due <=` + now + ` ORDER BY due, n LIMIT $4::bigint),
		ranked AS (SELECT id, due, n, row_number() OVER (PARTITION BY endpoint ORDER BY due, n) AS rank FROM look
			WHERE endpoint <> ALL($1::text[]) AND ` + notPrefixed + `),
		found AS (SELECT id, due, n FROM ranked WHERE rank <= $3::bigint)`
	// never is before every due time.
	never = `(-9223372036854775808)::bigint`
	// claimFound claims up to $5 of the messages found, except those that others are claiming. Its order is in no
	// index, so that the planner walks none.
	claimFound = `, took AS (SELECT id, due FROM cointill_outbox
			WHERE id = ANY(ARRAY(SELECT id FROM found)) AND ready AND due <=` + now + `
			ORDER BY due + 0, n LIMIT $5 FOR UPDATE SKIP LOCKED)
		UPDATE cointill_outbox m SET token = m.token + 1, claimed = true, due =` + now + ` + $6::bigint, since =` + now + `
		FROM took WHERE m.id = took.id
		RETURNING ` + messageColumns + `, took.due, m.token, m.tried`
	qLook  = lookAround + ` SELECT (SELECT count(*) FROM look), (SELECT count(*) FROM found)`
	qClaim = lookAround + claimFound
	// qClaimOfEach steps from one endpoint to the next. The comparison of rows keeps the planner from looking for the
	// messages of an endpoint among those of all.
	qClaimOfEach = `WITH RECURSIVE walk AS (
			(SELECT endpoint, due FROM cointill_outbox WHERE ready ORDER BY endpoint, due, n LIMIT 1)
			UNION ALL
			SELECT next.endpoint, next.due FROM walk CROSS JOIN LATERAL (SELECT endpoint, due FROM cointill_outbox
				WHERE ready AND endpoint > walk.endpoint ORDER BY endpoint, due, n LIMIT 1) next),
		heads AS MATERIALIZED (SELECT endpoint FROM walk WHERE due <=` + now + ` AND endpoint <> ALL($1::text[]) AND ` + notPrefixed + ` ORDER BY due LIMIT $4),
		found AS (SELECT f.id, f.due, f.n FROM heads CROSS JOIN LATERAL (SELECT id, due, n FROM cointill_outbox
				WHERE ready AND (endpoint, due) >= (heads.endpoint, ` + never + `) AND (endpoint, due) <= (heads.endpoint,` + now + `)
				ORDER BY endpoint, due, n LIMIT $3) f
			ORDER BY f.due, f.n LIMIT $4)` + claimFound
	// qSetBack makes waits count from now that began when the clock was ahead.
	qSetBack = `UPDATE cointill_outbox SET due =` + now + ` + (due - since), since =` + now + ` WHERE id = ANY(ARRAY(
		SELECT id FROM cointill_outbox WHERE ready AND since >` + now + ` ORDER BY since LIMIT 1000 FOR UPDATE SKIP LOCKED))`
	// qLockMessage locks the invoice or the payout of a message.
	qLockMessage = `WITH told AS MATERIALIZED (SELECT invoice FROM cointill_outbox WHERE id = $1),
		i AS (SELECT id FROM cointill_invoices WHERE id = (SELECT invoice FROM told) FOR NO KEY UPDATE),
		s AS (SELECT id FROM cointill_subjects WHERE id = (SELECT invoice FROM told) FOR NO KEY UPDATE)
		SELECT id FROM i UNION ALL SELECT id FROM s`
	// recordTold stores the attempt.
	recordTold = `, attempt AS (INSERT INTO cointill_attempts (message, token, at, duration, status, excerpt, error)
			SELECT id, token, $2, $3, $4, $5, $6 FROM told)`
	// qRecord keeps a message dead whose URL is gone. qReleaseNext follows.
	qRecord = `WITH told AS (UPDATE cointill_outbox m
			SET state = CASE WHEN $8 = 'due' THEN m.state ELSE $8 END, ready = $8 = 'due' AND m.state = 'due',
				due =` + now + ` + $9::bigint, since =` + now + `, claimed = false, tried = tried + 1
			WHERE m.id = $1 AND m.token = $7 AND m.claimed
			RETURNING m.id, m.token, m.url, m.project)` + recordTold + `
		SELECT url, project FROM told`
	// qReleaseNext makes the messages ready that waited for the given ones. It changes nothing while those are due, or if
	// it has been run before.
	qReleaseNext = `UPDATE cointill_outbox m SET ready = true, due =` + now + `, since =` + now + `
		FROM (SELECT url, project, invoice FROM cointill_outbox WHERE id = ANY($1::text[]) AND state <> 'due') told
			CROSS JOIN LATERAL (SELECT seq FROM cointill_outbox
				WHERE url = told.url AND project = told.project AND invoice = told.invoice AND state = 'due' ORDER BY seq LIMIT 1) first
		WHERE m.url = told.url AND m.project = told.project AND m.invoice = told.invoice
			AND m.state = 'due' AND m.seq = first.seq AND NOT m.ready`
	// qLockOverdue does not wait: it skips what is just being recorded.
	qLockOverdue = `WITH overdue AS MATERIALIZED (SELECT invoice FROM cointill_outbox
			WHERE ready AND (endpoint, due) >= ($1, ` + never + `) AND (endpoint, due) < ($1,` + now + ` - $2::bigint)
			ORDER BY endpoint, due, n LIMIT $3),
		i AS (SELECT id FROM cointill_invoices WHERE id = ANY(ARRAY(SELECT invoice FROM overdue))
			ORDER BY id FOR NO KEY UPDATE SKIP LOCKED),
		s AS (SELECT id FROM cointill_subjects WHERE id = ANY(ARRAY(SELECT invoice FROM overdue))
			ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)
		SELECT id FROM i UNION ALL SELECT id FROM s`
	// qGiveUp counts as a claim. qReleaseNext follows.
	qGiveUp = `WITH told AS (UPDATE cointill_outbox m
			SET state = 'dead', ready = false, claimed = false, token = token + 1, tried = tried + 1
			WHERE m.id = ANY(ARRAY(SELECT id FROM cointill_outbox WHERE invoice = ANY($1::text[]) AND ready AND endpoint = $7
				AND due <` + now + ` - $8::bigint ORDER BY due + 0, n LIMIT $9 FOR UPDATE SKIP LOCKED))
			RETURNING m.id, m.token)` + recordTold + `
		SELECT id FROM told`
	qInsertGone = `INSERT INTO cointill_gone (url, project) VALUES ($1, $2) ON CONFLICT DO NOTHING`
	qDeleteGone = `DELETE FROM cointill_gone WHERE url = $1 AND project = $2`
	// qKill keeps claims as they are, so that their outcome is recorded.
	qKill = `UPDATE cointill_outbox SET state = 'dead', ready = false
		WHERE url = $1 AND project = $2 AND state = 'due'`
	qNextDue = `SELECT due -` + now + ` FROM cointill_outbox WHERE ready ORDER BY due, n LIMIT 1`
	qHistory = `SELECT ` + messageColumns + `, m.state, m.due, a.at, a.duration, a.status, a.excerpt, a.error
		FROM cointill_outbox m LEFT JOIN LATERAL (SELECT * FROM cointill_attempts WHERE message = m.id OFFSET 0) a ON true
		WHERE m.invoice = $1 AND m.seq > $2 ORDER BY m.seq, m.n, a.token, a.n`
	qLockInvoice = `WITH i AS (SELECT id FROM cointill_invoices WHERE id = $1 FOR NO KEY UPDATE),
		s AS (SELECT id FROM cointill_subjects WHERE id = $1 FOR NO KEY UPDATE)
		SELECT id FROM i UNION ALL SELECT id FROM s`
	qLatest = `SELECT ` + messageColumns + ` FROM cointill_outbox m
		WHERE m.invoice = $1 AND m.receiver = $2 ORDER BY m.seq DESC, m.n DESC LIMIT 1`
	qResend = `UPDATE cointill_outbox m SET state = 'due', due =` + now + `, since =` + now + `, claimed = false, tried = 0,
			ready = NOT EXISTS (SELECT 1 FROM cointill_outbox e WHERE e.url = m.url AND e.project = m.project
				AND e.invoice = m.invoice AND e.seq < m.seq AND e.state = 'due')
		WHERE m.id = $1`

	qSecrets = `SELECT id, secret FROM cointill_outbox WHERE id > $1 ORDER BY id LIMIT $2`
	// qReplaceSecrets locks the messages in the order of their ids, so that two of these statements do not deadlock.
	qReplaceSecrets = `WITH changes AS MATERIALIZED (SELECT u.id, u.secret, u.next
			FROM unnest((SELECT $1::text[]), (SELECT $2::text[]), (SELECT $3::text[])) AS u (id, secret, next)),
		locked AS MATERIALIZED (SELECT id FROM cointill_outbox
			WHERE id = ANY(ARRAY(SELECT id FROM changes)) ORDER BY id FOR NO KEY UPDATE)
		UPDATE cointill_outbox m SET secret = c.next FROM locked JOIN changes c ON c.id = locked.id
		WHERE m.id = locked.id AND m.secret = c.secret`

	// qLockBooks updates the row, so that a transaction of the host's that reads an older state fails to serialize.
	qLockBooks     = `UPDATE cointill_books SET value = value WHERE key = ''`
	qGetBooks      = `SELECT key, value FROM cointill_books WHERE key = ANY($1::bytea[])`
	qScanBooks     = `SELECT key, value FROM cointill_books WHERE key >= $1 AND key < $2 ORDER BY key LIMIT $3`
	qScanBooksBack = `SELECT key, value FROM cointill_books WHERE key >= $1 AND key < $2 ORDER BY key DESC LIMIT $3`
	qDropBooks     = `DELETE FROM cointill_books WHERE key = ANY($1::bytea[])`
	qPutBooks      = `INSERT INTO cointill_books (key, value) SELECT * FROM unnest($1::bytea[], $2::bytea[])
		ON CONFLICT (key) DO UPDATE SET value = excluded.value`

	// qBeginReply also locks an entry that it does not change, so that qReply finds it in the same transaction. It does
	// nothing in a scope that already has $6 entries.
	qBeginReply = `INSERT INTO cointill_replies AS r (name, scope, entry, until) SELECT $1::bytea, $2::bytea, $3::bytea, $4::bigint
		WHERE (SELECT count(*) FROM (SELECT 1 FROM cointill_replies
			WHERE scope = $2 AND until > $5 ORDER BY until LIMIT $6::bigint) held) < $6::bigint
		ON CONFLICT (name) DO UPDATE SET entry = excluded.entry, until = excluded.until WHERE r.until <= $5`
	qReply = `SELECT entry FROM cointill_replies WHERE name = $1 AND until > $2`
	// qReplyEnds finds when the first entry of a scope ends.
	qReplyEnds    = `SELECT until FROM cointill_replies WHERE scope = $1 AND until > $2 ORDER BY until LIMIT 1`
	qFinishReply  = `UPDATE cointill_replies SET entry = $3, until = $4 WHERE name = $1 AND entry = $2`
	qAbandonReply = `DELETE FROM cointill_replies WHERE name = $1 AND entry = $2`
	// qEndReplies does not wait: it skips what another transaction is removing or taking over.
	qEndReplies = `DELETE FROM cointill_replies WHERE name = ANY(ARRAY(
		SELECT name FROM cointill_replies WHERE until <= $1 ORDER BY until LIMIT $2 FOR UPDATE SKIP LOCKED))`

	// qAppendRecord holds the lock of the log until the end of the transaction, which is the statement.
	qAppendRecord = `WITH l AS (INSERT INTO cointill_logs AS l (log, length) VALUES ($1, 1)
			ON CONFLICT (log) DO UPDATE SET length = l.length + 1 RETURNING log, length)
		INSERT INTO cointill_records (log, position, body) SELECT log, length, $2 FROM l RETURNING position`
	qReadRecords     = `SELECT position, body FROM cointill_records WHERE log = $1 AND position > $2 ORDER BY position LIMIT $3`
	qReadRecordsBack = `SELECT position, body FROM cointill_records WHERE log = $1 AND position < $2 ORDER BY position DESC LIMIT $3`
	qDocument        = `SELECT version, body FROM cointill_documents WHERE kind = $1 AND name = $2`
	qInsertDocument  = `INSERT INTO cointill_documents (kind, name, version, body) VALUES ($1, $2, 1, $3) ON CONFLICT DO NOTHING`
	qUpdateDocument  = `UPDATE cointill_documents SET version = $3::bigint + 1, body = $4 WHERE kind = $1 AND name = $2 AND version = $3`
	qDeleteDocument  = `DELETE FROM cointill_documents WHERE kind = $1 AND name = $2 AND version = $3`
	qDocuments       = `SELECT name, body FROM cointill_documents WHERE kind = $1 AND name > $2 ORDER BY name LIMIT $3`
)
