package chain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Tip implements [Node]. With an Agree of 1 it returns the tip of the first member that is well, else of the one that
// is furthest: the result is then late, but not wrong. With more it returns the highest block that so many members
// have, at most MaxLag blocks below the tips of so many, with the finality that so many of them report. Otherwise it
// returns [ErrDisagree] with heights and names.
func (n *Nodes) Tip(ctx context.Context) (Tip, error) {
	if n.cfg.Agree > 1 {
		return n.agreedTip(ctx)
	}
	var answers []answer[Tip]
	for i, wave := range []func(*member) bool{n.needed(), ready, n.resting} {
		answers = append(answers, n.tips(ctx, n.pick(wave, answers), 3-i)...)
		tip, began, ok := n.choose(answers, i > 0)
		if began != nil {
			n.cfg.Logger.Info("node in use", "network", n.network, "node", began.Name)
		}
		if ok {
			return tip, nil
		}
		if ctx.Err() != nil {
			return Tip{}, ctx.Err()
		}
	}
	return Tip{}, fmt.Errorf("no node responded: %w", n.troubles())
}

// needed picks the first member that is well, and in addition those that failed and have paused long enough, and those
// that stand by and are due for a check.
func (n *Nodes) needed() func(*member) bool {
	first := true
	return func(m *member) bool {
		failed := m.standing[kindTip].failures > 0
		if first && m.well() && !failed {
			first = false
			return true
		}
		return ready(m) && (failed || time.Since(m.tipAsked) >= n.cfg.Check)
	}
}

func ready(m *member) bool { return m.ready(kindTip) }

// resting picks the members that pause, for when there is nobody else: the caller has a back-off too. Members of
// another network keep their pause.
func (n *Nodes) resting(m *member) bool { return !m.refused }

// tips reads the tips of members, as one of a number of attempts.
func (n *Nodes) tips(ctx context.Context, members []*member, attempts int) []answer[Tip] {
	answers := gather(ctx, n, members, kindTip, n.share(ctx, attempts), askTip)
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range answers {
		a.m.tipAsked = time.Now()
		if a.err == nil {
			a.m.tip = a.value
		}
	}
	return answers
}

// choose takes the first answer of a member that is well. If there is none and there are no others to ask, it takes
// the highest. It also returns the member if it is another than before.
func (n *Nodes) choose(answers []answer[Tip], last bool) (tip Tip, began *member, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	var best uint64
	for _, m := range n.members {
		if m.checked && m.standing[kindTip].err == nil && m.standing[kindData].err == nil {
			best = max(best, m.tip.Height)
		}
	}
	slices.SortStableFunc(answers, func(a, b answer[Tip]) int { return cmp.Compare(a.m.bit, b.m.bit) })
	var chosen *answer[Tip]
	for i, a := range answers {
		if a.err != nil {
			continue
		}
		a.m.lagging = n.behind(a.value, best)
		switch {
		case chosen == nil,
			a.m.well() && !chosen.m.well(),
			!a.m.well() && !chosen.m.well() && a.value.Height > chosen.value.Height:
			chosen = &answers[i]
		}
	}
	if chosen == nil || !last && !chosen.m.well() {
		return Tip{}, nil, false
	}
	if !chosen.m.inUse {
		began = chosen.m
	}
	n.use(chosen.m)
	n.height = chosen.value.Height
	return chosen.value, began, true
}

// behind reports whether a tip is far below the best, or old.
func (n *Nodes) behind(tip Tip, best uint64) bool {
	return tip.Height < best && best-tip.Height > n.cfg.MaxLag || n.cfg.MaxAge > 0 && n.cfg.Now().Sub(tip.Time) > n.cfg.MaxAge
}

// use records which members' data are returned. The caller holds n.mu.
func (n *Nodes) use(members ...*member) {
	for _, m := range n.members {
		m.inUse = slices.Contains(members, m)
	}
}

// agreedTip is Tip when several have to agree. Then no member stands by: one that is not asked cannot contradict.
func (n *Nodes) agreedTip(ctx context.Context) (Tip, error) {
	answers := n.tips(ctx, n.pick(ready, nil), 3)
	tip, err := n.settle(ctx, answers)
	if err != nil && ctx.Err() == nil {
		if more := n.tips(ctx, n.pick(n.resting, answers), 3); len(more) > 0 {
			tip, err = n.settle(ctx, append(answers, more...))
		}
	}
	if ctx.Err() != nil {
		return Tip{}, ctx.Err()
	}
	split := errors.Is(err, ErrDisagree)
	switch was := n.noteSplit(split); {
	case split && !was:
		n.cfg.Logger.Error("nodes disagree", "network", n.network, "err", err)
	case was && err == nil:
		n.cfg.Logger.Info("nodes agree", "network", n.network, "height", tip.Height)
	}
	return tip, err
}

// noteSplit returns what was recorded before.
func (n *Nodes) noteSplit(split bool) (was bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	was, n.split = n.split, split
	return was
}

// settle finds the block that enough members agree on, below the highest that enough of them can know.
func (n *Nodes) settle(ctx context.Context, answers []answer[Tip]) (Tip, error) {
	good := slices.DeleteFunc(slices.Clone(answers), func(a answer[Tip]) bool { return a.err != nil })
	if len(good) < n.cfg.Agree {
		return Tip{}, fmt.Errorf("%d of %d nodes responded, and %d must agree: %w", len(good), len(n.members), n.cfg.Agree, n.troubles())
	}
	slices.SortStableFunc(good, func(a, b answer[Tip]) int { return cmp.Compare(b.value.Height, a.value.Height) })
	top := good[n.cfg.Agree-1].value.Height
	var why error
	var accused []answer[Header]
	for height, blocks := top, uint64(0); ; height-- {
		votes := n.votes(ctx, good, height)
		winners, ok := quorum(votes, n.cfg.Agree, sameHeader)
		if ok && winners[0].value.Hash != "" {
			return n.accept(good, winners, votes), nil
		}
		if ok {
			why = cmp.Or(why, fmt.Errorf("%w: %d", ErrNoBlock, height))
		} else {
			blocks++ // heights that the chain passed over are no distance
		}
		if err := contradiction(height, votes, sameHeader); why == nil || err != nil && !errors.Is(why, ErrDisagree) {
			if why, accused = cmp.Or(failures(votes), why), nil; err != nil {
				why, accused = err, votes
			}
		}
		if height == 0 || blocks > n.cfg.MaxLag || top-height >= MaxGap || ctx.Err() != nil {
			break
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range accused {
		a.m.dissent = why
	}
	n.use()
	return Tip{}, why
}

// votes returns the blocks that members have at a height, of those whose tips are as high.
func (n *Nodes) votes(ctx context.Context, tips []answer[Tip], height uint64) []answer[Header] {
	var votes []answer[Header]
	var higher []*member
	for _, t := range tips {
		switch {
		case t.value.Height == height:
			votes = append(votes, answer[Header]{m: t.m, value: t.value.Header})
		case t.value.Height > height:
			higher = append(higher, t.m)
		}
	}
	return append(votes, gather(ctx, n, higher, kindData, n.share(ctx, 2), askHeader(height))...)
}

// accept makes the tip of the block that won, and records who contradicts.
func (n *Nodes) accept(tips []answer[Tip], winners, votes []answer[Header]) Tip {
	n.mu.Lock()
	defer n.mu.Unlock()
	tip := Tip{Header: winners[0].value}
	for _, t := range tips {
		t.m.dissent, t.m.lagging = nil, n.behind(t.value, tip.Height)
	}
	var members []*member
	var safe, finalized []uint64
	for _, w := range winners {
		members = append(members, w.m)
		i := slices.IndexFunc(tips, func(t answer[Tip]) bool { return t.m == w.m })
		safe, finalized = append(safe, tips[i].value.Safe), append(finalized, tips[i].value.Finalized)
	}
	for _, v := range votes {
		if v.err == nil && !slices.Contains(members, v.m) {
			v.m.dissent = fmt.Errorf("%w: block %d is %.20q here, and %.20q by most", ErrDisagree, tip.Height, v.value.Hash, tip.Hash)
		}
	}
	tip.Safe = min(claimedBy(n.cfg.Agree, safe), tip.Height)
	tip.Finalized = min(claimedBy(n.cfg.Agree, finalized), tip.Height)
	n.use(members...)
	n.height = tip.Height
	return tip
}

// claimedBy returns the highest value that so many claim at least.
func claimedBy(agree int, heights []uint64) uint64 {
	slices.Sort(heights)
	return heights[len(heights)-agree]
}

// camps groups answers that are the same.
func camps[T any](answers []answer[T], same func(a, b T) bool) [][]answer[T] {
	var all [][]answer[T]
	for _, a := range answers {
		if a.err != nil {
			continue
		}
		i := slices.IndexFunc(all, func(camp []answer[T]) bool { return same(camp[0].value, a.value) })
		if i < 0 {
			all = append(all, []answer[T]{a})
		} else {
			all[i] = append(all[i], a)
		}
	}
	return all
}

// missing returns how many more must answer before so many can agree.
func missing[T any](answers []answer[T], agree int, same func(a, b T) bool) int {
	need := agree
	for _, camp := range camps(answers, same) {
		need = min(need, agree-len(camp))
	}
	return max(need, 1)
}

// quorum returns the largest camp, if it is large enough and no other is as large.
func quorum[T any](answers []answer[T], agree int, same func(a, b T) bool) ([]answer[T], bool) {
	var most []answer[T]
	tie := false
	for _, camp := range camps(answers, same) {
		switch {
		case len(camp) > len(most):
			most, tie = camp, false
		case len(camp) == len(most):
			tie = true
		}
	}
	return most, len(most) >= agree && !tie
}

// contradiction returns an error that names the members and what they report of a height, if that differs.
func contradiction[T interface{ id() string }](height uint64, answers []answer[T], same func(a, b T) bool) error {
	all := camps(answers, same)
	if len(all) < 2 {
		return nil
	}
	var sides []string
	for _, camp := range all {
		var names []string
		for _, a := range camp {
			names = append(names, a.m.Name)
		}
		sides = append(sides, camp[0].value.id()+" by "+strings.Join(names, ", "))
	}
	return fmt.Errorf("%w: block %d is %s", ErrDisagree, height, strings.Join(sides, " and "))
}

func (h Header) id() string { return fmt.Sprintf("%.20q", h.Hash) }

func (b Block) id() string { return fmt.Sprintf("%s of %d transfers", b.Header.id(), len(b.Transfers)) }

// failures joins the errors among answers.
func failures[T any](answers []answer[T]) error {
	var errs []error
	for _, a := range answers {
		errs = append(errs, a.err)
	}
	return errors.Join(errs...)
}

func sameHeader(a, b Header) bool {
	return a.Height == b.Height && a.Hash == b.Hash && a.Parent == b.Parent && a.Time.Equal(b.Time)
}

// askHeader returns a header with an empty hash where the chain has no block: members must agree on that as on
// anything else.
func askHeader(height uint64) func(context.Context, *member) (Header, error) {
	return func(ctx context.Context, m *member) (Header, error) {
		h, err := m.Node.Header(ctx, height)
		if errors.Is(err, ErrNoBlock) {
			return Header{Height: height}, nil
		}
		if err == nil {
			err = h.usable(height)
		}
		return h, err
	}
}

// Header implements [Node].
func (n *Nodes) Header(ctx context.Context, height uint64) (Header, error) {
	h, err := vote(ctx, n, height, ballot[Header]{
		ask: askHeader(height), same: sameHeader,
		sum: func(camp []answer[Header]) (Header, bool) { return camp[0].value, true },
	})
	if err == nil && h.Hash == "" {
		return Header{}, fmt.Errorf("%w: %d", ErrNoBlock, height)
	}
	return h, err
}

// Block implements [Node]. If several members have to agree, they agree on every transfer too, and on the stamp: a
// node can lie, or be incomplete, under the right hash. A transaction that some could not examine has the transfers
// that the others found, if these are enough, and is unexamined otherwise.
func (n *Nodes) Block(ctx context.Context, height uint64) (Block, error) {
	b, err := vote(ctx, n, height, ballot[Block]{
		ask: n.askBlock(height), same: sameBlock, large: true,
		sum: func(camp []answer[Block]) (Block, bool) { return sumBlocks(camp, n.cfg.Agree, n.doubted()) },
	})
	if err == nil && b.Hash == "" {
		return Block{}, fmt.Errorf("%w: %d", ErrNoBlock, height)
	}
	return b, err
}

func (n *Nodes) askBlock(height uint64) func(context.Context, *member) (Block, error) {
	return func(ctx context.Context, m *member) (Block, error) {
		b, err := m.Node.Block(ctx, height)
		if errors.Is(err, ErrNoBlock) {
			return Block{Header: Header{Height: height}}, nil
		}
		if err == nil {
			err = b.usable(height)
		}
		if err == nil {
			err = checkTransfers(n.network, b.Transfers)
		}
		if err == nil {
			err = b.complete()
		}
		return b, err
	}
}

// ballot is a question to members, and how to count the answers.
type ballot[T interface{ id() string }] struct {
	ask  func(context.Context, *member) (T, error)
	same func(a, b T) bool
	// sum combines equal answers, and reports whether nothing in them is open. As long as something is, the others are
	// asked too.
	sum func(camp []answer[T]) (T, bool)
	// large is set if the answer may be large and slow. If all members were too slow, the next attempt gives them more
	// time, so that a large block is not a permanent obstacle.
	large bool
}

// vote asks as few members as can agree, and more as long as they do not.
func vote[T interface{ id() string }](ctx context.Context, n *Nodes, height uint64, b ballot[T]) (T, error) {
	began := time.Now()
	value, err := poll(ctx, n, height, b)
	if b.large {
		n.timed(time.Since(began), err)
	}
	return value, err
}

func poll[T interface{ id() string }](ctx context.Context, n *Nodes, height uint64, b ballot[T]) (T, error) {
	var answers []answer[T]
	var verdict *T
	for _, list := range n.order() {
		whole := false
		for len(list) > 0 && !whole && ctx.Err() == nil {
			need := min(missing(answers, n.cfg.Agree, b.same), len(list))
			limit := share(ctx, n.patience(b.large), (len(list)+need-1)/need)
			answers = append(answers, gather(ctx, n, list[:need], kindData, limit, b.ask)...)
			if winners, ok := quorum(answers, n.cfg.Agree, b.same); ok {
				var value T
				value, whole = b.sum(winners)
				verdict = &value
			}
			list = list[need:]
		}
		if verdict != nil || ctx.Err() != nil || unanimous(answers, n.cfg.Agree, b.same) {
			break // those that pause would not know better
		}
	}
	if verdict != nil {
		sentence(n, answers, *verdict, height, b.same)
		return *verdict, nil
	}
	var none T
	if ctx.Err() != nil {
		return none, ctx.Err()
	}
	if err := contradiction(height, answers, b.same); err != nil {
		accuse(n, height, answers, err)
		return none, err
	}
	if err := failures(answers); err != nil {
		return none, err
	}
	return none, fmt.Errorf("%d of %d nodes responded, and %d must agree: %w", len(answers), len(n.members), n.cfg.Agree, n.troubles())
}

// patience returns the longest wait for one answer to a ballot.
func (n *Nodes) patience(large bool) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	if large {
		return n.cfg.Timeout << n.late
	}
	return n.cfg.Timeout
}

// timed records how a ballot on something large went.
func (n *Nodes) timed(took time.Duration, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		n.late = min(n.late+1, maxLate)
	case err == nil && took < n.cfg.Timeout/2:
		n.late = 0
	}
}

// order returns the members to ask for data: first those in use, then those that are well, then those that are behind
// or contradict; and separately those that pause.
func (n *Nodes) order() [2][]*member {
	n.mu.Lock()
	defer n.mu.Unlock()
	var order [2][]*member
	for _, fit := range []func(*member) bool{
		func(m *member) bool { return m.well() && m.inUse },
		func(m *member) bool { return m.well() && !m.inUse },
		func(m *member) bool { return m.ready(kindData) && !m.well() },
		func(m *member) bool { return !m.ready(kindData) && !m.refused },
	} {
		for _, m := range n.members {
			if !fit(m) {
				continue
			}
			if m.ready(kindData) {
				order[0] = append(order[0], m)
			} else {
				order[1] = append(order[1], m)
			}
		}
	}
	return order
}

// unanimous reports whether enough members answered, and none contradicts another.
func unanimous[T any](answers []answer[T], agree int, same func(a, b T) bool) bool {
	heard := 0
	for _, a := range answers {
		if a.err == nil || errors.Is(a.err, ErrNotFound) {
			heard++
		}
	}
	return heard >= agree && len(camps(answers, same)) < 2
}

// sentence clears the failures of those that agreed, and makes those that contradicted pause.
func sentence[T any](n *Nodes, answers []answer[T], verdict T, height uint64, same func(a, b T) bool) {
	if n.cfg.Agree == 1 {
		return // who answered was trusted
	}
	for _, a := range answers {
		var err error
		switch {
		case a.err != nil:
			continue
		case !same(a.value, verdict):
			err = fmt.Errorf("%w: block %d is not what most say", ErrDisagree, height)
		}
		n.judge(a.m, kindData, n.epoch(a.m, kindData), err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, m := range n.members {
		if m.dispute.height == height {
			m.dispute = dispute{}
		}
	}
}

// accuse records for Health who took part in a contradiction that no side won. It counts as a failure of none.
func accuse[T any](n *Nodes, height uint64, answers []answer[T], err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range answers {
		if a.err == nil {
			a.m.dispute = dispute{height, time.Now(), err}
		}
	}
}

// dispute is a contradiction over the data of a block.
type dispute struct {
	height uint64
	at     time.Time
	err    error
}
