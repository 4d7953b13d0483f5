package hdkey

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/stretchr/testify/require"
)

// The public key of the first test vector of BIP-32, at m/0'/1.
const vector = "xpub6ASuArnXKPbfEwhqN6e3mwBcDTgzisQN1wXN9BJcM47sSikHjJf3UFHKkNAWbWMiGj7Wf5uMash7SyYq527Hqck2AxYysAA7xmALppuCkwQ"

func parent(t *testing.T) *Parent {
	t.Helper()
	_, p, err := Parse(vector)
	require.NoError(t, err)
	return p
}

// alone derives a key as no run does.
func alone(p *Parent, index uint32) *secp256k1.PublicKey {
	point, _, err := p.derive(index)
	if err != nil {
		return nil
	}
	return secp256k1.NewPublicKey(&point.X, &point.Y)
}

func TestKeysAreTheSameInAnyOrder(t *testing.T) {
	p := parent(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 6 {
		first := rnd.Uint32N(hardened)
		if rnd.IntN(4) == 0 {
			first = hardened - rnd.Uint32N(3*runLength)
		}
		for n := range uint32(3 * runLength) {
			index := first + n - min(first, rnd.Uint32N(8)*rnd.Uint32N(8)) // now and then one from before
			got, err := p.Derive(index)
			want := alone(p, index)
			if want == nil {
				require.ErrorIs(t, err, ErrIndex, index)
				continue
			}
			require.NoError(t, err, index)
			require.True(t, want.IsEqual(got), index)
		}
	}
}

func TestConcurrentCallersGetTheSameKeys(t *testing.T) {
	p := parent(t)
	var wg sync.WaitGroup
	for c := range uint32(8) {
		wg.Go(func() {
			for n := range uint32(40) {
				index := n*8 + c
				got, err := p.Derive(index)
				if err != nil || !alone(p, index).IsEqual(got) {
					t.Errorf("key %d: %v", index, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestNumbersInOrderAreDerivedInRuns(t *testing.T) {
	p := parent(t)
	var derived atomic.Int32
	for index := range uint32(10 * runLength) {
		p.ahead.key(1000+index, func(first uint32, n int) []*secp256k1.PublicKey {
			derived.Add(1)
			return p.deriveRun(first, n)
		})
	}
	require.LessOrEqual(t, derived.Load(), int32(12), "the first alone, the others in runs, one of them for later")
}

func TestTheNextRunIsDerivedBesideItsCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := parent(t)
		var begun []uint32
		derive := func(first uint32, n int) []*secp256k1.PublicKey {
			begun = append(begun, first)
			return p.deriveRun(first, n)
		}
		for index := range uint32(runLength) {
			p.ahead.key(index, derive)
			synctest.Wait()
		}
		require.Equal(t, []uint32{0, runLength}, begun, "before anybody asked for the second")
		p.ahead.key(runLength, derive)
		synctest.Wait()
		require.Len(t, begun, 2)
	})
}

func TestANumberWithoutAKeyLeavesTheOthersOfItsRun(t *testing.T) {
	p := parent(t)
	points := make([]secp256k1.JacobianPoint, 5)
	for i := range points {
		points[i], _ = p.child(uint32(i))
	}
	points[0], points[3] = secp256k1.JacobianPoint{}, secp256k1.JacobianPoint{}
	keys := affine(points)
	for i, key := range keys {
		if i == 0 || i == 3 {
			require.Nil(t, key)
			continue
		}
		require.True(t, alone(p, uint32(i)).IsEqual(key), i)
	}
	require.Equal(t, make([]*secp256k1.PublicKey, 2), affine(make([]secp256k1.JacobianPoint, 2)))
}
