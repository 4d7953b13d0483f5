package bitcoin_test

import (
	"bytes"
	"math/big"
	"slices"
	"testing"

	"github.com/btcsuite/btcd/btcutil/psbt"
	"github.com/stretchr/testify/require"

	btc "github.com/cointill/cointill/chain/bitcoin"
	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/bitcoin"
	"github.com/cointill/cointill/payout/signer"
	"github.com/cointill/cointill/payout/signer/signertest"
)

// seedOf returns a signer with the keys of a shop made by newFakeShop.
func seedOf(t testing.TB, p btc.Params, kind btc.ScriptKind) *signer.Seed {
	t.Helper()
	family, err := bitcoin.NewSigning(p, kind, "")
	require.NoError(t, err)
	seed, err := signer.NewSeed(bytes.Repeat([]byte{1}, 32), signer.Account{Family: family, Path: "m/84h/1h/0h"})
	require.NoError(t, err)
	return seed
}

func TestSigner(t *testing.T) {
	for _, c := range coins {
		t.Run(c.params.Name+"/"+c.kind.String(), func(t *testing.T) {
			signertest.Run(t, func(t *testing.T) signertest.Subject {
				s, f := newFakeShop(t, c.params, c.kind)
				f.put(t, s, 6, 900_000_000, 800_000_000)
				versions := []payout.Version{
					s.plan(t, s.payout(t, "a", s.stranger(t, 1), 450_000_000, 10_000_000)).Last(),
					s.plan(t, s.payout(t, "b", s.stranger(t, 2), 350_000_000, 10_000_000)).Last(),
				}
				request := func(v payout.Version) payout.SignRequest {
					return payout.SignRequest{Network: c.params.Network, Transaction: "t", Unsigned: v.Unsigned}
				}
				return signertest.Subject{
					Signer: seedOf(t, c.params, c.kind), Request: request(versions[0]), Other: request(versions[1]),
					Verify: func(unsigned, signed []byte) error {
						i := slices.IndexFunc(versions, func(v payout.Version) bool { return bytes.Equal(v.Unsigned, unsigned) })
						_, _, err := s.spender.Verify(versions[i], signed)
						return err
					},
				}
			})
		})
	}
}

func TestSigning_ReadsWhatItSigns(t *testing.T) {
	for _, c := range coins {
		t.Run(c.params.Name+"/"+c.kind.String(), func(t *testing.T) {
			s, v, _ := planned(t, c.params, c.kind)
			seed := seedOf(t, c.params, c.kind)
			family, err := bitcoin.NewSigning(c.params, c.kind, seed.Public(c.params.Network))
			require.NoError(t, err)
			p, err := family.Parse(v.Unsigned)
			require.NoError(t, err)
			coin := c.params.Asset().ID
			require.Equal(t, c.params.Network, p.Network)
			require.Equal(t, coin, p.FeeAsset)
			require.Equal(t, v.Fee, p.Fee)
			change := v.Moves[len(v.Moves)-1]
			require.ElementsMatch(t, []payout.Output{
				{Asset: coin, To: s.stranger(t, 1), Units: big.NewInt(450_000_000)},
				{Asset: coin, To: change.Holding.Address, Units: change.Units, Own: true},
			}, p.Outputs)

			blind, err := bitcoin.NewSigning(c.params, c.kind, "")
			require.NoError(t, err)
			p, err = blind.Parse(v.Unsigned)
			require.NoError(t, err)
			for _, o := range p.Outputs {
				require.False(t, o.Own, "without the account's key nothing is proven")
			}
		})
	}
}

func TestSigning_RefusesWhatItCannotProve(t *testing.T) {
	_, v, _ := planned(t, btc.BitcoinRegtest(), btc.P2WPKH)
	seed := seedOf(t, btc.BitcoinRegtest(), btc.P2WPKH)
	family, err := bitcoin.NewSigning(btc.BitcoinRegtest(), btc.P2WPKH, seed.Public(btc.BitcoinRegtest().Network))
	require.NoError(t, err)
	swap := func(p *psbt.Packet) { p.Outputs[0], p.Outputs[1] = p.Outputs[1], p.Outputs[0] }
	for what, change := range map[string]func(p *psbt.Packet){
		"a path of another output":     swap,
		"a path of no address":         func(p *psbt.Packet) { pathOf(p)[len(pathOf(p))-2] = 7 },
		"no previous transaction":      func(p *psbt.Packet) { p.Inputs[0].NonWitnessUtxo = nil },
		"another amount of the input":  func(p *psbt.Packet) { p.Inputs[0].WitnessUtxo.Value++ },
		"outputs above the inputs":     func(p *psbt.Packet) { p.UnsignedTx.TxOut[0].Value += 100_000_000 },
		"a negative output":            func(p *psbt.Packet) { p.UnsignedTx.TxOut[0].Value = -1 },
		"an output that is no address": func(p *psbt.Packet) { p.UnsignedTx.TxOut[0].PkScript = []byte{0x6a, 1, 1} },
	} {
		changed := edit(t, v.Unsigned, change)
		_, err := family.Parse(changed)
		require.Error(t, err, what)
		signed, err := seed.Sign(t.Context(), payout.SignRequest{Network: btc.BitcoinRegtest().Network, Unsigned: changed})
		if what != "a path of another output" && what != "a path of no address" { // a seed alone does not know its own addresses
			require.Error(t, err, what)
			require.Nil(t, signed, what)
		}
	}

	// A key that is not the input's signs nothing.
	wrong := edit(t, v.Unsigned, func(p *psbt.Packet) { p.Inputs[0].Bip32Derivation[0].Bip32Path[4] += 5 })
	signed, err := seed.Sign(t.Context(), payout.SignRequest{Network: btc.BitcoinRegtest().Network, Unsigned: wrong})
	require.ErrorIs(t, err, bitcoin.ErrForeign)
	require.Nil(t, signed)
}

// pathOf returns the path of the output that has one.
func pathOf(p *psbt.Packet) []uint32 {
	for _, o := range p.Outputs {
		if len(o.Bip32Derivation) > 0 {
			return o.Bip32Derivation[0].Bip32Path
		}
	}
	return nil
}

func TestNewSigning_RefusesOtherKeysAndKinds(t *testing.T) {
	_, err := bitcoin.NewSigning(btc.DogecoinRegtest(), btc.P2WPKH, "")
	require.ErrorIs(t, err, btc.ErrScriptKind)
	_, err = bitcoin.NewSigning(btc.BitcoinRegtest(), btc.FromKey, "")
	require.ErrorIs(t, err, btc.ErrScriptKind)
	private, _ := account(t, 1)
	_, err = bitcoin.NewSigning(btc.BitcoinRegtest(), btc.P2WPKH, private)
	require.ErrorIs(t, err, btc.ErrPrivateKey)
	require.NotContains(t, err.Error(), private)
	_, err = bitcoin.NewSigning(btc.Bitcoin(), btc.P2WPKH, "xpub")
	require.ErrorIs(t, err, btc.ErrMalformedKey)
}
