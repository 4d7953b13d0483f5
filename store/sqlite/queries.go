package sqlite

// These statements are prepared once. TestA43 proves that each of them uses an index, except to read a table as a whole
// that stays small. What runs for each invoice, payment or message builds no table of its own, as SQLite does for RETURNING and
// for INSERT from a SELECT of the same table: that costs as much as the rest of the statement.

const (
	// qLock changes nothing, but turns the transaction into a writing one.
	qLock = `UPDATE cointill_schema SET version = version WHERE version = 0`

	qInsertInvoice = `INSERT INTO cointill_invoices (
		id, version, network, wake_tag, wake_height, wake_time, doc, project, standing, order_id, created)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`
	qUpdateInvoice = `UPDATE cointill_invoices SET (version, network, wake_tag, wake_height, wake_time, doc)
		= (?2, ?3, ?4, ?5, ?6, ?7) WHERE id = ?1 AND version = ?2 - 1`
	// qListInserted adds the row of the invoice that was inserted last.
	qListInserted = `INSERT INTO cointill_changed (n, version, row) VALUES (last_insert_rowid(), ?, ?)`
	qListUpdated  = `INSERT INTO cointill_changed (n, version, row) SELECT n, ?2, ?3 FROM cointill_invoices WHERE id = ?1
		ON CONFLICT (n) DO UPDATE SET (version, row) = (excluded.version, excluded.row)`
	qInvoiceExists = `SELECT EXISTS (SELECT 1 FROM cointill_invoices WHERE id = ?)`
	qIDByOrder     = `SELECT id FROM cointill_invoices WHERE project = ? AND order_id = ?`
	// qClaimPlace skips the row of a place that is held, since the subquery is null then.
	qClaimPlace = `INSERT OR IGNORE INTO cointill_places (place, network, address, slot, invoice, released)
		VALUES ((SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM cointill_places
			WHERE place = ?1 AND network = ?2 AND address = ?3 AND slot = ?4 AND released = 0)), ?2, ?3, ?4, ?5, 0)`
	// qForgetPlace removes the invoice that last released the place; the caller releases it next.
	qForgetPlace  = `DELETE FROM cointill_places WHERE place = ? AND network = ? AND address = ? AND slot = ? AND released = 1`
	qReleasePlace = `UPDATE cointill_places SET released = 1
		WHERE place = ? AND network = ? AND address = ? AND slot = ? AND invoice = ? AND released = 0`
	qFreeIndex = `INSERT INTO cointill_free (wallet, idx) VALUES (?, ?)`
	qTakeIndex = `DELETE FROM cointill_free WHERE n = (SELECT n FROM cointill_free WHERE wallet = ? ORDER BY n LIMIT 1)
		RETURNING idx`
	qReserved = `SELECT COALESCE((SELECT next FROM cointill_wallets WHERE wallet = ?), 0)`

	qPutPayment = `INSERT INTO cointill_payments (network, txid, idx, invoice, height, withdrawn, settled, doc)
		SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE EXISTS (SELECT 1 FROM cointill_invoices WHERE id = ?4)
		ON CONFLICT (network, txid, idx) DO UPDATE
		SET height = excluded.height, withdrawn = excluded.withdrawn, settled = excluded.settled, doc = excluded.doc
		WHERE invoice = excluded.invoice`
	qInsertEvent = `INSERT INTO cointill_events (position,
		invoice, seq, id, project, type, from_status, to_status, at, comment, actor, body)
		VALUES (1 + ` + feedEnd + `, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`
	// feedEnd is the position of the last event, or what was skipped if that is more.
	feedEnd = `max((SELECT COALESCE(max(position), 0) FROM cointill_events), (SELECT skipped FROM cointill_feed WHERE one = 1))`
	qSkip   = `UPDATE cointill_feed SET skipped = ?1 WHERE one = 1 AND skipped < ?1`

	qInsertProgress = `INSERT INTO cointill_networks (network, version, cursor, head, at, aside) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT DO NOTHING`
	qUpdateProgress = `UPDATE cointill_networks SET (version, cursor, head, at, aside) = (?2, ?3, ?4, ?5, ?6)
		WHERE network = ?1 AND version = ?2 - 1`
	qReserve = `INSERT INTO cointill_wallets (wallet, next) VALUES (?1, ?2)
		ON CONFLICT (wallet) DO UPDATE SET next = next + ?2 WHERE next + ?2 <= 4294967295
		RETURNING next - ?2`

	// withPayments reads invoices: a row for each open payment, or one row with null if there is none, in one statement
	// and so from one state.
	withPayments = `SELECT i.id, i.doc, p.doc FROM cointill_invoices i
		LEFT JOIN cointill_payments p ON p.invoice = i.id AND p.settled = 0`
	// ofFound reads the invoices of the payments that were found, with a row for each of these payments that is
	// settled.
	ofFound = withPayments + ` WHERE i.id IN (SELECT invoice FROM found)
		UNION ALL SELECT i.id, i.doc, found.doc FROM found CROSS JOIN cointill_invoices i ON i.id = found.invoice
			WHERE found.doc IS NOT NULL`
	foundPayment    = `SELECT p.invoice, CASE WHEN p.settled THEN p.doc END`
	qInvoice        = withPayments + ` WHERE i.id = ?`
	qInvoiceByOrder = withPayments + ` WHERE i.project = ? AND i.order_id = ?`
	qInvoices       = withPayments + ` WHERE i.id IN (SELECT value FROM json_each(?))`
	// The order of the cross join is kept: one look-up for each number. Few of the places that are found only share the
	// number.
	qPlaces = `SELECT 0, p.place, p.address, p.slot, p.invoice FROM json_each(?1) a
			CROSS JOIN cointill_places p ON p.place = a.value AND p.n <= ?2
		UNION ALL SELECT n, place, address, slot, invoice FROM cointill_places WHERE n > ?2`
	qLastPlace = `SELECT COALESCE(max(n), 0) FROM cointill_places`
	// qPlaceKeys reads the index alone. Places that share a number are one.
	qPlaceKeys   = `SELECT DISTINCT place, place FROM cointill_places WHERE place > ? ORDER BY place LIMIT ?`
	qPlacesSince = `SELECT n, place FROM cointill_places WHERE n > ? ORDER BY n LIMIT ?`
	qPaidBy      = `WITH found (invoice, doc) AS MATERIALIZED (` + foundPayment + ` FROM json_each(?) a CROSS JOIN cointill_payments p
			ON p.network = a.value ->> 0 AND p.txid = a.value ->> 1 AND p.idx = a.value ->> 2) ` + ofFound
	qPaidIn = `WITH found (invoice, doc) AS MATERIALIZED (` + foundPayment + ` FROM cointill_payments p
			WHERE p.network = ? AND p.txid = ?) ` + ofFound
	// qPaidAfter steps from one invoice to the next, however many payments they have.
	qPaidAfter = `WITH RECURSIVE paid (id) AS (SELECT min(invoice) FROM cointill_payments WHERE invoice > ?1
			UNION ALL SELECT (SELECT min(invoice) FROM cointill_payments WHERE invoice > paid.id) FROM paid WHERE paid.id IS NOT NULL LIMIT ?2)
		` + withPayments + ` WHERE i.id IN (SELECT id FROM paid) ORDER BY i.id`
	// qPayments reads no more of the open and of the settled payments than it has to.
	qPayments = `SELECT doc FROM (SELECT * FROM (SELECT network, txid, idx, doc FROM cointill_payments
				WHERE invoice = ?1 AND settled = 0 AND (network, txid, idx) > (?2, ?3, ?4) ORDER BY network, txid, idx LIMIT ?5)
			UNION ALL SELECT * FROM (SELECT network, txid, idx, doc FROM cointill_payments
				WHERE invoice = ?1 AND settled = 1 AND (network, txid, idx) > (?2, ?3, ?4) ORDER BY network, txid, idx LIMIT ?5))
		ORDER BY network, txid, idx LIMIT ?5`
	qHeldSlots = `SELECT slot FROM cointill_places
		WHERE network = ? AND address = ? AND slot BETWEEN ? AND ? AND released = 0 AND slot <> '' ORDER BY slot LIMIT ?`
	qHeld = `SELECT EXISTS (SELECT 1 FROM cointill_places
		WHERE place = ? AND network = ? AND address = ? AND slot = '' AND released = 0)`
	qAbove = `WITH found (invoice, doc) AS MATERIALIZED (` + foundPayment + ` FROM cointill_payments p
			WHERE p.network = ? AND p.withdrawn = 0 AND p.height > ?) ` + ofFound
	qWaking = withPayments + ` WHERE i.n IN (
		SELECT n FROM (SELECT n FROM cointill_invoices
			WHERE network = ?1 AND wake_tag = '' AND wake_height <= ?2 ORDER BY wake_height LIMIT ?6)
		UNION SELECT n FROM (SELECT n FROM cointill_invoices
			WHERE network = ?1 AND wake_tag = 'safe' AND wake_height <= ?3 ORDER BY wake_height LIMIT ?6)
		UNION SELECT n FROM (SELECT n FROM cointill_invoices
			WHERE network = ?1 AND wake_tag = 'finalized' AND wake_height <= ?4 ORDER BY wake_height LIMIT ?6)
		UNION SELECT n FROM (SELECT n FROM cointill_invoices
			WHERE network = ?1 AND wake_time < ?5 ORDER BY wake_time LIMIT ?6)
		LIMIT ?6)`
	qChanged        = `SELECT n, row FROM cointill_changed`
	qChangedNumbers = `SELECT n FROM cointill_changed`
	qChangedOf      = `SELECT n, version, row FROM cointill_changed WHERE n BETWEEN ? AND ? ORDER BY n`
	qSegments       = `SELECT segment, parts, texts FROM cointill_segments`
	qSegment        = `SELECT parts FROM cointill_segments WHERE segment = ?`
	// The order of the cross joins is kept: one look-up for each part.
	qParts = `SELECT p.segment, p.part, p.data FROM json_each(?9) a
		CROSS JOIN cointill_parts p ON p.segment = a.value ->> 0 AND p.writing = a.value ->> 1
			AND p.part IN (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)`
	qSome = `SELECT a.key, p.data FROM json_each(?) a
		CROSS JOIN cointill_parts p ON p.segment = a.value ->> 0 AND p.writing = a.value ->> 1
			AND p.part = CAST(a.value ->> 2 AS BLOB)`
	qBeginWriting = `INSERT INTO cointill_segments (segment, begun, parts, texts) VALUES (?1, ?2, 0, 0)
		ON CONFLICT (segment) DO UPDATE SET begun = max(begun + 1, ?2) RETURNING begun`
	qWriting       = `SELECT EXISTS (SELECT 1 FROM cointill_segments WHERE segment = ? AND begun = ?)`
	qInsertPart    = `INSERT INTO cointill_parts (segment, writing, part, data) VALUES (?, ?, ?, ?)`
	qFinishWriting = `UPDATE cointill_segments SET parts = ?2, texts = CASE WHEN ?3 THEN ?2 ELSE texts END
		WHERE segment = ?1 AND begun = ?2`
	qMerged = `DELETE FROM cointill_changed WHERE n = ? AND version = ?`
	// qClearParts takes the range of the parts of texts as ?2 and ?3.
	qClearParts = `DELETE FROM cointill_parts WHERE n IN (SELECT p.n FROM cointill_segments s
		CROSS JOIN cointill_parts p ON p.segment = s.segment AND p.writing < s.begun AND p.writing <> s.parts
			AND (p.writing <> s.texts OR p.part NOT BETWEEN ?2 AND ?3)
		WHERE s.segment = ?1 LIMIT ?4)`

	qNetwork = `SELECT version, cursor, head, at, aside FROM cointill_networks WHERE network = ?`

	eventColumns = `SELECT position, invoice, seq, id, project, type, from_status, to_status, at, comment, actor, body
		FROM cointill_events`
	qEvents        = eventColumns + ` WHERE position > ? ORDER BY position LIMIT ?`
	qInvoiceEvents = eventColumns + ` WHERE invoice = ? AND seq > ? ORDER BY seq`
	qFeedEnd       = `SELECT ` + feedEnd

	qInsertProject = `INSERT INTO cointill_projects (id, owner, name, key_hash, former_key_hash, version, doc)
		VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`
	qUpdateProject = `UPDATE OR IGNORE cointill_projects SET (owner, name, key_hash, former_key_hash, version, doc) = (?2, ?3, ?4, ?5, ?6, ?7)
		WHERE id = ?1 AND version = ?6 - 1`
	qProjectVersion = `SELECT version FROM cointill_projects WHERE id = ?`
	qProjectByName  = `SELECT id FROM cointill_projects WHERE owner = ? AND name = ?`
	qProject        = `SELECT id, doc FROM cointill_projects WHERE id = ?`
	qProjectByKey   = `SELECT id, doc FROM (SELECT 1 AS rank, id, doc FROM cointill_projects WHERE key_hash = ?1
		UNION ALL SELECT 2, id, doc FROM cointill_projects WHERE former_key_hash = ?1 AND former_key_hash <> '') found ORDER BY rank LIMIT 1`
	qProjects = `SELECT id, doc FROM cointill_projects WHERE id > ? ORDER BY id LIMIT ?`
	// The function lower of SQLite changes only ASCII letters.
	qProjectsByOwner = `SELECT id FROM cointill_projects WHERE instr(lower(owner), lower(?)) > 0 ORDER BY id`

	messageColumns = `m.n, m.id, m.event, m.invoice, m.seq, m.project, m.url, m.endpoint, m.at, m.body, m.format, m.secret, m.receiver`
	qInsertMessage = `INSERT INTO cointill_outbox (
		id, event, invoice, seq, project, url, endpoint, at, body, format, secret, receiver, due, since, state, ready, claimed, token, tried)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13, CASE WHEN ` + isGone + ` THEN 'dead' ELSE 'due' END,
			NOT ` + isGone + ` AND NOT EXISTS (SELECT 1 FROM cointill_outbox
				WHERE url = ?6 AND project = ?5 AND invoice = ?3 AND state = 'due' AND seq < ?4), 0, 0, 0)
		ON CONFLICT DO NOTHING`
	isGone = `EXISTS (SELECT 1 FROM cointill_gone WHERE url = ?6 AND project = ?5)`
	// qHeldBack reports whether there may be something for qRelease, which takes longer.
	qHeldBack = `SELECT EXISTS (SELECT 1 FROM cointill_outbox
		WHERE url = ? AND project = ? AND invoice = ? AND state = 'due' AND ready = 0)`
	// qRelease makes the first undelivered message of an invoice to a URL claimable.
	qRelease = `UPDATE cointill_outbox SET ready = 1, due = ?4, since = ?4
		WHERE url = ?1 AND project = ?2 AND invoice = ?3 AND state = 'due' AND ready = 0 AND seq = (
			SELECT min(seq) FROM cointill_outbox WHERE url = ?1 AND project = ?2 AND invoice = ?3 AND state = 'due')`
	notPrefixed = `NOT EXISTS (SELECT 1 FROM json_each(?4) WHERE substr(endpoint, 1, length(value)) = value)`
	// qDue looks at no more than ?2 messages, regardless of their endpoints; qLooked counts how many there are, up to
	// that number.
	qDue = `SELECT n, endpoint FROM (SELECT n, due, endpoint FROM cointill_outbox WHERE ready = 1 AND due <= ?1 ORDER BY due, n LIMIT ?2)
		WHERE endpoint NOT IN (SELECT value FROM json_each(?3)) AND ` + notPrefixed + ` ORDER BY due, n`
	qLooked = `SELECT count(*) FROM (SELECT 1 FROM cointill_outbox WHERE ready = 1 AND due <= ?1 LIMIT ?2)`
	// qDueOfEach steps from one endpoint to the next, and takes no more than ?5 messages of each.
	qDueOfEach = `WITH RECURSIVE walk (endpoint) AS (
			SELECT min(endpoint) FROM cointill_outbox WHERE ready = 1
			UNION ALL
			SELECT (SELECT min(endpoint) FROM cointill_outbox WHERE ready = 1 AND endpoint > walk.endpoint) FROM walk
			WHERE endpoint IS NOT NULL),
		heads AS MATERIALIZED (SELECT endpoint, (SELECT min(due) FROM cointill_outbox
				WHERE ready = 1 AND endpoint = walk.endpoint) AS due FROM walk
			WHERE endpoint IS NOT NULL AND endpoint NOT IN (SELECT value FROM json_each(?3)) AND ` + notPrefixed + ` AND due <= ?1 ORDER BY due LIMIT ?2)
		SELECT m.n, m.endpoint FROM heads CROSS JOIN cointill_outbox m ON m.n IN (SELECT n FROM cointill_outbox
			WHERE ready = 1 AND endpoint = heads.endpoint AND due <= ?1 ORDER BY due, n LIMIT ?5)
		ORDER BY m.due, m.n LIMIT ?2`
	qClaim   = `UPDATE cointill_outbox SET token = token + 1, claimed = 1, due = ?3, since = ?2 WHERE n = ?1 AND ready = 1 AND due <= ?2`
	qClaimed = `SELECT ` + messageColumns + `, m.token, m.tried FROM cointill_outbox m WHERE m.n = ?`
	// qAhead finds out whether the clock was ahead; qSetBack makes such waits count from now.
	qAhead   = `SELECT EXISTS (SELECT 1 FROM cointill_outbox WHERE ready = 1 AND since > ?)`
	qSetBack = `UPDATE cointill_outbox SET due = ?1 + (due - since), since = ?1 WHERE n IN (
		SELECT n FROM cointill_outbox WHERE ready = 1 AND since > ?1 ORDER BY since LIMIT ?2)`
	// qRecord keeps a message dead whose URL is gone.
	qRecord = `UPDATE cointill_outbox SET state = CASE WHEN ?3 = 'due' THEN state ELSE ?3 END, ready = ?3 = 'due' AND state = 'due',
			due = ?4, since = ?5, claimed = 0, tried = tried + 1
		WHERE id = ?1 AND token = ?2 AND claimed = 1`
	qRecorded = `SELECT n, invoice, url, project FROM cointill_outbox WHERE id = ?`
	qOverdue  = `SELECT id, token FROM cointill_outbox WHERE ready = 1 AND endpoint = ? AND due < ? ORDER BY due, n LIMIT ?`
	// qOpen marks a message as claimed, so that an attempt can be recorded.
	qOpen          = `UPDATE cointill_outbox SET claimed = 1 WHERE id = ?`
	qInsertAttempt = `INSERT INTO cointill_attempts (message, attempt, at, duration, status, excerpt, error)
		VALUES (?1, 1 + COALESCE((SELECT max(attempt) FROM cointill_attempts WHERE message = ?1), 0), ?2, ?3, ?4, ?5, ?6)`
	qInsertGone = `INSERT INTO cointill_gone (url, project) VALUES (?, ?) ON CONFLICT DO NOTHING`
	qDeleteGone = `DELETE FROM cointill_gone WHERE url = ? AND project = ?`
	// qKill keeps claims as they are, so that their outcome is recorded.
	qKill = `UPDATE cointill_outbox SET state = 'dead', ready = 0
		WHERE url = ? AND project = ? AND state = 'due'`
	qNextDue = `SELECT due FROM cointill_outbox WHERE ready = 1 ORDER BY due LIMIT 1`
	qHistory = `SELECT ` + messageColumns + `, m.state, m.due, a.at, a.duration, a.status, a.excerpt, a.error
		FROM cointill_outbox m LEFT JOIN cointill_attempts a ON a.message = m.n
		WHERE m.invoice = ? AND m.seq > ? ORDER BY m.seq, m.n, a.attempt`
	qLatest = `SELECT ` + messageColumns + ` FROM cointill_outbox m
		WHERE m.invoice = ? AND m.receiver = ? ORDER BY m.seq DESC, m.n DESC LIMIT 1`
	qResend = `UPDATE cointill_outbox SET state = 'due', ready = 0, claimed = 0, tried = 0 WHERE n = ?`

	qSecrets       = `SELECT id, secret FROM cointill_outbox WHERE id > ? ORDER BY id LIMIT ?`
	qReplaceSecret = `UPDATE cointill_outbox SET secret = ?3 WHERE id = ?1 AND secret = ?2`

	qPutBook       = `INSERT INTO cointill_books (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`
	qDeleteBook    = `DELETE FROM cointill_books WHERE key = ?`
	qScanBooks     = `SELECT key, value FROM cointill_books WHERE key >= ? AND key < ? ORDER BY key LIMIT ?`
	qScanBooksBack = `SELECT key, value FROM cointill_books WHERE key >= ? AND key < ? ORDER BY key DESC LIMIT ?`

	qBeginReply = `INSERT INTO cointill_replies (name, scope, entry, until) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT (name) DO UPDATE SET entry = excluded.entry, until = excluded.until WHERE until <= ?5`
	qReply = `SELECT entry FROM cointill_replies WHERE name = ? AND until > ?`
	// qReplies counts the entries of a scope up to a limit, and finds when the first of them ends.
	qReplies = `SELECT count(*), COALESCE(min(until), 0) FROM (
		SELECT until FROM cointill_replies WHERE scope = ? AND until > ? ORDER BY until LIMIT ?)`
	qFinishReply  = `UPDATE cointill_replies SET (entry, until) = (?3, ?4) WHERE name = ?1 AND entry = ?2`
	qAbandonReply = `DELETE FROM cointill_replies WHERE name = ? AND entry = ?`
	qEndReplies   = `DELETE FROM cointill_replies WHERE n IN (
		SELECT n FROM cointill_replies WHERE until <= ? ORDER BY until LIMIT ?)`

	qAppendRecord = `INSERT INTO cointill_records (log, position, body)
		SELECT ?1, 1 + COALESCE((SELECT max(position) FROM cointill_records WHERE log = ?1), 0), ?2 RETURNING position`
	qReadRecords     = `SELECT position, body FROM cointill_records WHERE log = ? AND position > ? ORDER BY position LIMIT ?`
	qReadRecordsBack = `SELECT position, body FROM cointill_records WHERE log = ? AND position < ? ORDER BY position DESC LIMIT ?`
	qDocument        = `SELECT version, body FROM cointill_documents WHERE kind = ? AND name = ?`
	qNoDocument      = `SELECT NOT EXISTS (SELECT 1 FROM cointill_documents WHERE kind = ? AND name = ?)`
	qInsertDocument  = `INSERT INTO cointill_documents (kind, name, version, body) VALUES (?, ?, 1, ?) ON CONFLICT DO NOTHING`
	qUpdateDocument  = `UPDATE cointill_documents SET (version, body) = (?3 + 1, ?4) WHERE kind = ?1 AND name = ?2 AND version = ?3`
	qDeleteDocument  = `DELETE FROM cointill_documents WHERE kind = ? AND name = ? AND version = ?`
	qDocuments       = `SELECT name, body FROM cointill_documents WHERE kind = ? AND name > ? ORDER BY name LIMIT ?`
)

func queries() []string {
	return []string{
		qLock, qInsertInvoice, qUpdateInvoice, qListInserted, qListUpdated, qInvoiceExists, qIDByOrder, qPutPayment, qInsertEvent,
		qClaimPlace, qForgetPlace, qReleasePlace, qFreeIndex, qTakeIndex, qReserved, qInvoices, qPlaces, qLastPlace, qPlaceKeys, qPlacesSince, qPaidBy, qPaidIn,
		qPaidAfter, qPayments, qHeldSlots, qHeld,
		qInsertProgress, qUpdateProgress, qReserve, qInvoice, qInvoiceByOrder, qAbove, qWaking,
		qChanged, qChangedNumbers, qChangedOf, qSegments, qSegment, qParts, qSome, qBeginWriting, qWriting, qInsertPart, qFinishWriting,
		qMerged, qClearParts,
		qNetwork, qEvents, qInvoiceEvents, qFeedEnd, qSkip, qInsertProject, qUpdateProject, qProjectVersion, qProjectByName,
		qProject, qProjectByKey, qProjects, qProjectsByOwner, qInsertMessage, qHeldBack, qRelease, qDue, qLooked, qDueOfEach, qClaim, qClaimed, qAhead, qSetBack, qRecord, qRecorded, qOverdue, qOpen, qInsertAttempt,
		qInsertGone, qDeleteGone, qKill, qNextDue, qHistory, qLatest, qResend,
		qGetBooks, qPutBook, qDeleteBook, qScanBooks, qScanBooksBack,
		qSecrets, qReplaceSecret, qBeginReply, qReply, qReplies, qFinishReply, qAbandonReply, qEndReplies,
		qAppendRecord, qReadRecords, qReadRecordsBack,
		qDocument, qNoDocument, qInsertDocument, qUpdateDocument, qDeleteDocument, qDocuments,
	}
}
