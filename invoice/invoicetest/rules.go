package invoicetest

// Rule is an invariant of every world.
type Rule struct {
	Name string
	Why  string
}

var (
	ruleCanonical  = Rule{"credited is canonical", "the payments in blocks that the store has are those that the chain has, at every commit for the block that the store stands at, and at rest for the chain's head: more is invented money, less is lost money"}
	ruleCursor     = Rule{"the cursor is never ahead of the effects", "what lies before the stored cursor is never read again, so whatever it passed over without storing is lost for ever"}
	ruleIdentity   = Rule{"no payment counts twice", "one output of one transaction is one payment of one invoice, however often, in whichever block and by whichever process it was seen"}
	ruleInvented   = Rule{"no payment is invented", "each payment is an output that somebody did send, to that address, of that asset and amount, whatever a node says"}
	ruleFirstSight = Rule{"first sight is once", "whether money was in time is judged by when it was first seen, so that moment never comes later, and earlier only by clocks that differ"}
	ruleFeed       = Rule{"the feed misses nothing", "a shop that reads on after the last position it has seen must in the end have seen every event, once, in the order of each invoice"}
	ruleOneContent = Rule{"an event has one content", "receivers take an ID that they have seen before for the event that they have seen before"}
	ruleSilent     = Rule{"nothing changes silently", "a status, a closure, a reversal, and money that comes or goes is told by an event in the same commit, exactly one for a change of status"}
	ruleVanish     = Rule{"nothing vanishes that is there", "where every node has told the truth, a payer whose money is in the chain or the pool must not be told that it is gone"}
	ruleFold       = Rule{"the status is the fold of the facts", "a status that was set and does not follow would stay wrong for ever"}
	ruleValue      = Rule{"money is worth what the rates said", "other assets and late money count for their value at a rate that there was, and what a payer is credited with is rounded down"}
	ruleDust       = Rule{"dust decides nothing", "anybody can send next to nothing to anybody: what is below the floor is on record and told, and changes neither status nor outcome"}
	ruleExpiry     = Rule{"nothing expires unseen", "an invoice expires when the chain was seen to pass the deadline, with no money in time before that: a payer is never hurt by our blindness"}
	ruleCompletion = Rule{"nothing completes early", "goods are sent on completion, so the money must be as deep as agreed in the chain that the store stands at"}
	rulePromise    = Rule{"what was promised is kept", "an invoice that was answered to a shop exists, with the address that was shown, and so does what an operator was told is done"}
	ruleOrderID    = Rule{"one order is one invoice", "a shop that asks again after an error must not have two invoices for one order"}
	ruleIndex      = Rule{"no index is used twice", "two invoices with one address could not be told apart"}
	ruleSlot       = Rule{"at a shared address the amount tells", "what one customer sends must not pay for another: only the amount says whose it is, and what nobody asked for is nobody's until the shop says so"}
	ruleShare      = Rule{"no project has more than its share", "places that run out must not run out for everybody because one project took them all"}
	ruleLost       = Rule{"what was lost is nobody's", "who pays an invoice that a restored store does not have must not pay for another: no address that a payer was shown is given to a second invoice"}
	ruleReplays    = Rule{"a restored store is what it was", "what was done to a store can be done to another one, with the same answers: else nothing that follows in this world means anything"}
	ruleOrder      = Rule{"messages of an invoice come in order", "a receiver that acts on each message must not act on an old one after a newer one"}
	ruleDelivered  = Rule{"every event is told in the end", "an event that no endpoint ever hears of was lost, though it be stored"}
	ruleReceivers  = Rule{"each endpoint is told what it asked for", "what a project's endpoint is not told in the commit of the event it never hears of, and what it is told twice it takes for two events"}
	ruleIsolated   = Rule{"no endpoint holds up another", "a shop whose endpoint is away for good must not be why others hear nothing"}
	ruleGivenUp    = Rule{"what nobody takes is given up", "messages to an endpoint that is away for good would be tried for ever, and be ever more"}
	ruleHeals      = Rule{"everything heals by itself", "when nothing fails any more the service catches up with the chain, with nobody's help"}
	ruleErrors     = Rule{"errors have reasons", "where nothing was broken nothing may fail"}
	ruleRuns       = Rule{"whatever runs ends when told to", "a goroutine that outlives its process, or hangs, is a leak"}
	ruleBounded    = Rule{"at rest nothing piles up", "what is left over from every trouble would fill the memory in the end"}
	ruleRepeats    = Rule{"a world repeats itself", "a seed that fails only at times explains nothing"}
)

// Rules returns all rules.
func Rules() []Rule {
	return []Rule{
		ruleCanonical, ruleCursor, ruleIdentity, ruleInvented, ruleFirstSight, ruleFeed, ruleOneContent, ruleSilent, ruleVanish,
		ruleFold, ruleValue, ruleDust, ruleExpiry, ruleCompletion, rulePromise, ruleOrderID, ruleIndex, ruleSlot, ruleShare, ruleLost, ruleReplays, ruleOrder, ruleDelivered, ruleReceivers, ruleIsolated, ruleGivenUp, ruleHeals,
		ruleErrors, ruleRuns, ruleBounded, ruleRepeats,
	}
}
