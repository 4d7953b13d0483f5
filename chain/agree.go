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

// Tip implements [Node]. With Agree 1 it is the tip of the first member that is well, else of the one
// that is furthest: what is said is then late, and not wrong. With more it is the highest block that
// so many members have, at most MaxLag below the tips of so many, with the finality that so many of
// them claim, else [ErrDisagree] with heights and names.
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
	return Tip{}, fmt.Errorf("no node answers: %w", n.troubles())
}

// needed picks the first member that is well, and beside it those that failed and have rested, and those
// that stand by when it is time.
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

// resting picks those that are left alone for a while, for when there is nobody else: whoever asks has
// a back-off too. Members of another network keep their rest.
func (n *Nodes) resting(m *member) bool { return !m.refused }

// tips asks members for their tips, as one of so many attempts.
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

// choose takes the first answer of a member that is well. If there is none and there are no others to
// ask, it takes the highest. It also answers the member if it is another than before.
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

// behind says that a tip is far below the best, or old.
func (n *Nodes) behind(tip Tip, best uint64) bool {
	return tip.Height < best && best-tip.Height > n.cfg.MaxLag || n.cfg.MaxAge > 0 && n.cfg.Now().Sub(tip.Time) > n.cfg.MaxAge
}

// use notes whose words are passed on. The caller holds n.mu.
func (n *Nodes) use(members ...*member) {
	for _, m := range n.members {
		m.inUse = slices.Contains(members, m)
	}
}

// agreedTip is Tip when several have to agree. Then nobody stands by: who is not asked cannot contradict.
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

// noteSplit answers what was noted before.
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
		return Tip{}, fmt.Errorf("%d of %d nodes answer, and %d must agree: %w", len(good), len(n.members), n.cfg.Agree, n.troubles())
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

// votes are the blocks that members have at a height, of those whose tips are as high.
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

// accept makes the tip of the block that won, and notes who says otherwise.
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

// claimedBy is the highest that so many claim at least.
func claimedBy(agree int, heights []uint64) uint64 {
	slices.Sort(heights)
	return heights[len(heights)-agree]
}

// camps puts together what says the same.
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

// missing is how many more must answer before so many can say the same.
func missing[T any](answers []answer[T], agree int, same func(a, b T) bool) int {
	need := agree
	for _, camp := range camps(answers, same) {
		need = min(need, agree-len(camp))
	}
	return max(need, 1)
}

// quorum finds the largest camp, if it is large enough and no other is as large.
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

// contradiction names who says what of a height, if that is not one thing.
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

// failures are the errors among answers.
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

// askHeader answers a header without a hash where the chain has no block: that is a word that several must
// agree on, as any other.
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

// Block implements [Node]. If several members have to agree, they agree on every transfer too, and on
// the stamp: a node can lie, or be incomplete, under the right hash. A transaction that some could not examine
// is as those say that could, if these are enough, and unexamined else.
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

// ballot is what members are asked, and how to count what they say.
type ballot[T interface{ id() string }] struct {
	ask  func(context.Context, *member) (T, error)
	same func(a, b T) bool
	// sum is what those say together who say the same, and whether nothing of it is open. As long as something
	// is, the others are asked too.
	sum func(camp []answer[T]) (T, bool)
	// large says that the answer may be so large that it takes its time. Where all were too slow, the next
	// attempt gives them more: a large block must not be in the way for ever.
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
			break // those that rest would not know better
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
	return none, fmt.Errorf("%d of %d nodes answer, and %d must agree: %w", len(answers), len(n.members), n.cfg.Agree, n.troubles())
}

// patience is the longest wait for one answer to a ballot.
func (n *Nodes) patience(large bool) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	if large {
		return n.cfg.Timeout << n.late
	}
	return n.cfg.Timeout
}

// timed notes how a ballot on something large went.
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

// order answers whom to ask for data: first whose words are in use, then who is well, then who is behind or
// of another opinion; and apart from them, who rests.
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

// unanimous says that enough members answered, and nobody another thing than the others.
func unanimous[T any](answers []answer[T], agree int, same func(a, b T) bool) bool {
	heard := 0
	for _, a := range answers {
		if a.err == nil || errors.Is(a.err, ErrNotFound) {
			heard++
		}
	}
	return heard >= agree && len(camps(answers, same)) < 2
}

// sentence gives those that agreed their credit, and those that said otherwise a rest.
func sentence[T any](n *Nodes, answers []answer[T], verdict T, height uint64, same func(a, b T) bool) {
	if n.cfg.Agree == 1 {
		return // who answered was believed
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

// accuse notes for Health who took part in a contradiction that nobody won. It is nobody's failure.
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
