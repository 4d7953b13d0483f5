package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/cointill/cointill/payout/signer"
	"github.com/shopspring/decimal"
)

// parent has the chain, the payers, and the other processes.
type parent struct {
	options
	world
	net     devnet
	dir     string
	program string // of the children: this one
	out     io.Writer
	rng     *mathrand.Rand
	story

	kills  int // left
	deaths int // of the process that pays
	rounds int // that were begun
}

// patience bounds a run.
func (o options) patience() time.Duration {
	return 2*time.Minute + time.Duration(o.kills)*5*time.Second
}

// run runs the whole story and checks its end.
func run(ctx context.Context, o options, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, o.patience())
	defer cancel()
	program, err := os.Executable()
	if err != nil {
		return err
	}
	p := &parent{
		options: o, program: program, out: &shared{w: out}, kills: o.kills, rng: mathrand.New(mathrand.NewPCG(o.seed, 1)),
	}
	p.story = story{p.out, "payday"}
	if p.dir, err = os.MkdirTemp("", "cointill-payday-"); err != nil {
		return err
	}
	return errors.Join(p.run(ctx), os.RemoveAll(p.dir))
}

func (p *parent) run(ctx context.Context) (err error) {
	if p.net, err = openDevnet(ctx, p.chain); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.net.close()) }()
	if err := p.prepare(ctx); err != nil {
		return err
	}
	p.say("begins", "on %s, with %d kills, seed %d", p.chain, p.kills, p.seed)
	if err := p.play(ctx); err != nil {
		return err
	}
	return p.check(ctx)
}

// shared lets several processes print whole lines to one writer.
type shared struct {
	mu sync.Mutex
	w  io.Writer
}

func (s *shared) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(b)
}

// prepare makes the seed and what the other processes must know.
func (p *parent) prepare(ctx context.Context) error {
	for _, dir := range []string{unsignedDir(p.dir), signedDir(p.dir)} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
	}
	secret, pass := make([]byte, 32), []byte(rand.Text())
	_, _ = rand.Read(secret) // never fails
	defer clear(secret)
	if err := os.WriteFile(passFile(p.dir), pass, 0o600); err != nil {
		return err
	}
	if err := signer.Create(seedFile(p.dir), pass, secret); err != nil {
		return err
	}
	blind, err := family(p.chain, "")
	if err != nil {
		return err
	}
	seed, err := signer.NewSeed(secret, signer.Account{Family: blind, Path: path(p.chain)})
	if err != nil {
		return err
	}
	defer func() { _ = seed.Close() }() // never fails
	public, err := publicKey(p.chain, seed.Public(blind.Network()))
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	p.world = world{Chain: p.chain, Seed: p.seed, Public: public, Signer: "http://" + l.Addr().String(), Secret: rand.Text() + rand.Text()}
	p.net.describe(&p.world)
	return errors.Join(l.Close(), writeJSON(worldFile(p.dir), p.world))
}

// play runs the chain, the signer and the payers, and one round after the other until there is nobody left to kill.
func (p *parent) play(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	defer func() {
		cancel(nil)
		wg.Wait()
	}()
	part := func(f func(context.Context) error) {
		wg.Go(func() {
			if err := f(ctx); err != nil && ctx.Err() == nil {
				cancel(err)
			}
		})
	}
	part(p.mine)
	part(func(ctx context.Context) error {
		_, err := p.child(ctx, role{name: "signer"}, 0)
		return err
	})
	if err := p.awaitSigner(ctx); err != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	for p.rounds = 1; ; p.rounds++ {
		round := p.rounds
		p.net.delay(p.payments(round)[3].to)
		part(func(ctx context.Context) error { return p.pay(ctx, round) })
		if err := p.live(ctx, round); err != nil {
			return errors.Join(err, context.Cause(ctx))
		}
		if p.kills == 0 {
			break
		}
	}
	_, err := p.child(ctx, role{name: "report"}, 0)
	return err
}

// awaitSigner waits until the signer has opened its seed, which takes a second.
func (p *parent) awaitSigner(ctx context.Context) error {
	for pause(ctx, pollTime) {
		if _, err := os.Stat(readyFile(p.dir)); err == nil {
			return nil
		}
	}
	return ctx.Err()
}

// longest is the longest time until a process is killed.
const longest = 1500 * time.Millisecond

// live runs the process that pays until it has finished the round, in as many lives as it takes.
func (p *parent) live(ctx context.Context, round int) error {
	for {
		after := time.Duration(0)
		if p.kills > 0 {
			after = 1 + time.Duration(p.rng.Int64N(int64(longest)))
		}
		killed, err := p.child(ctx, role{name: "till", round: round}, after)
		if err != nil || !killed {
			return err
		}
		p.deaths++
		if p.kills > 0 {
			p.kills--
			p.say("killed", "the process that pays, %v after its start, %d more", after.Round(time.Millisecond), p.kills)
		} else {
			p.say("restarts", "the process that pays")
		}
	}
}

// child runs a process of this program until it ends, or is killed after some time unless that is 0. It reports whether it
// was killed, by us or by itself.
func (p *parent) child(ctx context.Context, r role, after time.Duration) (killed bool, err error) {
	cmd := exec.CommandContext(ctx, p.program, "-role", r.name, "-dir", p.dir, "-round", fmt.Sprint(r.round))
	cmd.Stdout, cmd.Stderr = p.out, p.out
	leash, err := cmd.StdinPipe()
	if err != nil {
		return false, err
	}
	defer func() { _ = leash.Close() }() // Wait closes it as well
	if err := cmd.Start(); err != nil {
		return false, err
	}
	if after > 0 {
		timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case errors.As(err, &exit) && exit.ExitCode() == -1: // by a signal
		return true, nil
	case err != nil:
		return false, fmt.Errorf("the process %s: %w", r.name, err)
	}
	return false, nil
}

// mine mines a block from time to time, as a chain does.
func (p *parent) mine(ctx context.Context) error {
	for pause(ctx, blockTime) {
		if err := p.net.mine(ctx); err != nil {
			return fmt.Errorf("mine: %w", err)
		}
	}
	return nil
}

// pay pays the orders of a round, and in the first one fills the wallet's own addresses, as soon as it is said where.
func (p *parent) pay(ctx context.Context, round int) error {
	var where places
	for {
		there, err := readJSON(placesFile(p.dir, round), &where)
		if err != nil {
			return err
		}
		if there {
			break
		}
		if !pause(ctx, pollTime) {
			return nil
		}
	}
	if round == 1 {
		if err := p.fill(ctx, where); err != nil {
			return err
		}
	}
	for _, o := range p.orders(round) {
		id, err := p.net.pay(ctx, o.asset, where.Orders[o.id], unitsOf(o.asset, o.sent))
		if err != nil {
			return fmt.Errorf("pay %s: %w", o.id, err)
		}
		p.say("payer", "%s %s for %s, transaction %s", o.sent, o.asset.Code, o.id, short(id))
	}
	return nil
}

// fill sends the operator's float.
func (p *parent) fill(ctx context.Context, where places) error {
	var txs []string
	float := map[string]string{"eth": "1", "btc": "0.05"}[p.chain]
	for _, lane := range where.Float {
		id, err := p.net.pay(ctx, p.Coin, lane, unitsOf(p.Coin, decimal.RequireFromString(float)))
		if err != nil {
			return fmt.Errorf("fill %s: %w", lane, err)
		}
		p.say("operator", "%s %s for network fees to %s", float, p.Coin.Code, short(lane))
		txs = append(txs, id)
	}
	return writeJSON(fundsFile(p.dir), txs)
}

// check counts on the chain what was paid to the payees: each payout once, with its amount, and nothing else.
func (p *parent) check(ctx context.Context) error {
	node, err := p.net.node(ctx, p.world)
	if err != nil {
		return err
	}
	paid, err := count(ctx, node)
	if err != nil {
		return err
	}
	n := 0
	for round := 1; round <= p.rounds; round++ {
		for _, o := range p.payments(round) {
			got := paid[o.to]
			switch {
			case len(got) != 1:
				return fmt.Errorf("%s is on the chain %d times", o.key, len(got))
			case got[0].Asset != o.asset.ID || got[0].Units.Cmp(unitsOf(o.asset, o.units)) != 0:
				return fmt.Errorf("%s of %s %s is on the chain as %s of %s", o.key, o.units, o.asset.Code, got[0].Units, got[0].Asset)
			}
			n++
		}
	}
	if p.options.kills > 0 {
		p.say("killed", "%d times, over %d rounds", p.deaths, p.rounds)
	}
	p.say("counted", "each of %d payouts is on the chain exactly once; owed is held, and nothing differs", n)
	return nil
}
