package evm_test

import (
	"bytes"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	chainevm "github.com/cointill/cointill/chain/evm"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/evm"
	"github.com/cointill/cointill/payout/signer"
	"github.com/cointill/cointill/payout/signer/signertest"
)

const signingPath = "m/44h/60h/0h"

// seeded returns a till on a fake node whose account is that of a seed, and the seed.
func seeded(t *testing.T, change ...func(*evm.Config)) (*till, *signer.Seed) {
	t.Helper()
	family, err := evm.NewSigning(fakeNetwork, "")
	require.NoError(t, err)
	seed, err := signer.NewSeed(bytes.Repeat([]byte{1}, 32), signer.Account{Family: family, Path: signingPath})
	require.NoError(t, err)
	wallet, err := chainevm.NewWallet(seed.Public(fakeNetwork))
	require.NoError(t, err)
	return fakeTill(t, newFake(), append(change, func(c *evm.Config) { c.Wallet = wallet })...), seed
}

func TestSigner(t *testing.T) {
	signertest.Run(t, func(t *testing.T) signertest.Subject {
		b, seed := seeded(t)
		request := func(units int64) payout.SignRequest {
			tx := b.plan(b.payment(b.coin, someone, units))
			return payout.SignRequest{Network: fakeNetwork, Transaction: tx.ID, Lane: tx.Lane, Unsigned: tx.Last().Unsigned}
		}
		return signertest.Subject{
			Signer: seed, Request: request(5), Other: request(6),
			Verify: func(unsigned, signed []byte) error {
				i := slices.IndexFunc(b.txs, func(x *payout.Transaction) bool { return bytes.Equal(x.Last().Unsigned, unsigned) })
				_, _, err := b.spender.Verify(b.txs[i].Last(), signed)
				return err
			},
		}
	})
}

func TestSigning_ReadsWhatItSigns(t *testing.T) {
	b, seed := seeded(t)
	family, err := evm.NewSigning(fakeNetwork, seed.Public(fakeNetwork))
	require.NoError(t, err)
	tx := b.plan(b.payment(b.coin, someone, 12345))
	p, err := family.Parse(tx.Last().Unsigned)
	require.NoError(t, err)
	require.Equal(t, payout.Parsed{
		Network: fakeNetwork, FeeAsset: b.coin.ID, Fee: tx.Last().Fee,
		Outputs: []payout.Output{{Asset: b.coin.ID, To: someone, Units: big.NewInt(12345)}},
	}, p)

	// What cancels pays ourselves, and that is proven.
	tx.Stage, tx.Cancel = payout.StageOffered, true
	v, err := b.spender.Replace(t.Context(), b, *tx, ether)
	require.NoError(t, err)
	p, err = family.Parse(v.Unsigned)
	require.NoError(t, err)
	require.True(t, p.Outputs[0].Own)
	require.Equal(t, b.spender.Lane(), p.Outputs[0].To)
	blind, err := evm.NewSigning(fakeNetwork, "")
	require.NoError(t, err)
	p, err = blind.Parse(v.Unsigned)
	require.NoError(t, err)
	require.False(t, p.Outputs[0].Own, "without the account's key nothing is proven")

	// A path that does not lead to the receiver is a lie.
	for _, path := range []string{`[0,3]`, `[1,7]`, `[7,0]`} {
		lie := bytes.Replace(tx.Last().Unsigned, []byte(`"}`), []byte(`","to_path":`+path+`}`), 1)
		_, err = family.Parse(lie)
		require.ErrorContains(t, err, "path", path)
	}
	_, err = family.Parse(bytes.Replace(tx.Last().Unsigned, []byte(`"}`), []byte(`","to_path":[1]}`), 1))
	require.ErrorContains(t, err, "to_path")

	// A key that is not the sender's signs nothing, and neither is anything signed for another network.
	wrong := bytes.Replace(tx.Last().Unsigned, []byte(`"branch":1`), []byte(`"branch":0`), 1)
	signed, err := seed.Sign(t.Context(), payout.SignRequest{Network: fakeNetwork, Unsigned: wrong})
	require.ErrorContains(t, err, "has to sign")
	require.Nil(t, signed)
	elsewhere, err := evm.NewSigning("eip155:1", "")
	require.NoError(t, err)
	_, err = elsewhere.Parse(tx.Last().Unsigned)
	require.ErrorContains(t, err, string(fakeNetwork))
	_, err = elsewhere.Sign(tx.Last().Unsigned, nil)
	require.ErrorContains(t, err, string(fakeNetwork))
}

// Sweeps and top-ups name the path of their receiver, so that a signer knows it for our own.
func TestSigning_SweepsAndTopUpsAreProvenToBeOurOwn(t *testing.T) {
	for purpose, has := range map[payout.Purpose]*big.Int{payout.PurposeTopUp: new(big.Int), payout.PurposeSweep: tokenFee} {
		b, h := sweeper(t, newFake(), has)
		b.holds(3, b.coin, has)
		b.holdsLane(ether)
		public, err := b.account.key.Neuter()
		require.NoError(t, err)
		family, err := evm.NewSigning(fakeNetwork, public.String())
		require.NoError(t, err)
		plan, what, err := b.spender.Sweep(t.Context(), b, h, payout.SweepOrder{})
		require.NoError(t, err)
		require.Equal(t, purpose, what)
		tx := b.keep(plan, what)
		replaced, err := b.spender.Replace(t.Context(), b, *tx, ether)
		versions := []payout.Version{plan.Version}
		if what == payout.PurposeTopUp { // an address has nothing for another version of a token's sweep
			require.NoError(t, err)
			versions = append(versions, replaced)
		}
		for _, v := range versions {
			p, err := family.Parse(v.Unsigned)
			require.NoError(t, err)
			require.True(t, p.Outputs[0].Own)
			require.Equal(t, v.Moves[len(v.Moves)-1].Holding.Address, p.Outputs[0].To)
		}
	}
}

func TestNewSigning_RefusesOtherNetworksAndKeys(t *testing.T) {
	for _, network := range []chain.Network{"", "tron:1", "eip155:0", "eip155:x"} {
		_, err := evm.NewSigning(network, "")
		require.Error(t, err, network)
	}
	_, err := evm.NewSigning(fakeNetwork, "xpub")
	require.Error(t, err)
}
