package evm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strconv"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rlp"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/evm"
)

// maxBytes bounds an envelope and a signed transaction: those of this package have less than 500 bytes.
const maxBytes = 4096

// maxBits bounds amounts, as the protocol does.
const maxBits = 256

// transferSelector is the selector of transfer(address,uint256).
var transferSelector = [4]byte{0xa9, 0x05, 0x9c, 0xbb}

// Unsigned is a transaction that is to be signed, as a signer sees it. [ParseUnsigned] makes one of the Unsigned bytes of
// a [payout.Version]. It either moves native coin without call data, or calls transfer of a token: there is nothing else
// that it can do.
type Unsigned struct {
	Network chain.Network
	From    chain.Address
	// Branch and Index say which key of the account signs: m/44'/60'/n'/Branch/Index.
	Branch, Index uint32
	Nonce         uint64
	Token         chain.Address // contract of the token that is moved; empty for native coin
	To            chain.Address // who gets Units
	Units         *big.Int      // in base units
	Fee           *big.Int      // the most that the gas can cost, in base units of the native coin
	// ToPath is the branch and number of To if it is an address of the same account, or else empty. Whoever wrote the
	// bytes says so: [Signing.Parse] proves it.
	ToPath []uint32

	tx *types.Transaction
}

// envelope is the JSON form. Tx is what is hashed and signed: the typed transaction, or the legacy one of EIP-155.
type envelope struct {
	Network chain.Network `json:"network"`
	From    chain.Address `json:"from"`
	Branch  uint32        `json:"branch"`
	Index   uint32        `json:"index"`
	Tx      hexutil.Bytes `json:"tx"`
	ToPath  []uint32      `json:"to_path,omitempty"`
}

// unsignedDynamic is a transaction of type 2 (EIP-1559) without its signature.
type unsignedDynamic struct {
	ChainID  *big.Int
	Nonce    uint64
	Tip, Cap *big.Int
	Gas      uint64
	To       common.Address
	Value    *big.Int
	Data     []byte
	Access   types.AccessList
}

// unsignedLegacy is a transaction of type 0 without its signature, with the chain id of EIP-155.
type unsignedLegacy struct {
	Nonce       uint64
	Price       *big.Int
	Gas         uint64
	To          common.Address
	Value       *big.Int
	Data        []byte
	ChainID     *big.Int
	Zero, Zero2 uint64
}

// ParseUnsigned parses the envelope of an unsigned transaction. It returns an error for anything that this package does
// not make, such as calls of other methods than transfer, call data beside native coin, the making of contracts, or a
// transaction for another chain than the envelope names.
func ParseUnsigned(unsigned []byte) (Unsigned, error) {
	u, err := parseUnsigned(unsigned)
	if err != nil {
		return Unsigned{}, fmt.Errorf("payout/evm: read unsigned transaction: %w", err)
	}
	return u, nil
}

func parseUnsigned(unsigned []byte) (Unsigned, error) {
	if len(unsigned) > maxBytes {
		return Unsigned{}, fmt.Errorf("more than %d bytes", maxBytes)
	}
	var e envelope
	d := json.NewDecoder(bytes.NewReader(unsigned))
	d.DisallowUnknownFields()
	if err := d.Decode(&e); err != nil {
		return Unsigned{}, err
	}
	tx, err := decodePayload(e.Tx)
	if err != nil {
		return Unsigned{}, err
	}
	u, err := newUnsigned(e.Network, lane{e.From, e.Branch, e.Index}, tx)
	if err != nil {
		return Unsigned{}, err
	}
	u.ToPath = e.ToPath
	if n := len(u.ToPath); n != 0 && n != 2 {
		return Unsigned{}, errors.New("to_path is not a branch and a number")
	}
	// Two programs must not read two things in it: no field twice, none in another spelling.
	if again, err := u.bytes(); err != nil || !bytes.Equal(again, bytes.TrimSpace(unsigned)) {
		return Unsigned{}, errors.New("not in the form in which it was made")
	}
	return u, nil
}

// newUnsigned returns the transaction as a signer sees it, or an error if this package could not have made it.
func newUnsigned(network chain.Network, from lane, tx *types.Transaction) (Unsigned, error) {
	id, err := chainID(network)
	if err != nil {
		return Unsigned{}, err
	}
	if canonical, err := evm.ParseAddress(string(from.address)); err != nil || canonical != from.address {
		return Unsigned{}, fmt.Errorf("from %.64q is not an address in the spelling of ERC-55", from.address)
	}
	u := Unsigned{
		Network: network, From: from.address, Branch: from.branch, Index: from.index, Nonce: tx.Nonce(), tx: tx,
		To: chain.Address(tx.To().Hex()), Units: tx.Value(),
		Fee: new(big.Int).Mul(tx.GasFeeCap(), new(big.Int).SetUint64(tx.Gas())),
	}
	switch {
	case tx.ChainId().Cmp(new(big.Int).SetUint64(id)) != 0:
		return Unsigned{}, fmt.Errorf("the transaction is for chain %s and not for %s", tx.ChainId(), network)
	case len(tx.AccessList()) > 0:
		return Unsigned{}, errors.New("the transaction has an access list")
	case tx.GasTipCap().Cmp(tx.GasFeeCap()) > 0:
		return Unsigned{}, errors.New("the tip exceeds the greatest fee")
	case tx.Gas() < params.TxGas || tx.Gas() > params.MaxTxGas:
		return Unsigned{}, fmt.Errorf("gas limit %d is not %d to %d", tx.Gas(), params.TxGas, params.MaxTxGas)
	case u.Units.BitLen() > maxBits || u.Fee.BitLen() > maxBits:
		return Unsigned{}, errors.New("an amount has more than 256 bits")
	case len(tx.Data()) == 0:
		return u, nil
	}
	to, units, ok := readTransfer(tx.Data())
	if !ok || tx.Value().Sign() != 0 {
		return Unsigned{}, errors.New("the call data is not a transfer of a token")
	}
	u.Token, u.To, u.Units = u.To, to, units
	return u, nil
}

// bytes returns the envelope.
func (u Unsigned) bytes() ([]byte, error) {
	payload, err := encodePayload(u.tx)
	if err != nil {
		return nil, err
	}
	return json.Marshal(envelope{u.Network, u.From, u.Branch, u.Index, payload, u.ToPath})
}

func encodePayload(tx *types.Transaction) ([]byte, error) {
	if tx.Type() == types.LegacyTxType {
		return rlp.EncodeToBytes(unsignedLegacy{
			tx.Nonce(), tx.GasPrice(), tx.Gas(), *tx.To(), tx.Value(), tx.Data(), tx.ChainId(), 0, 0,
		})
	}
	b, err := rlp.EncodeToBytes(unsignedDynamic{
		tx.ChainId(), tx.Nonce(), tx.GasTipCap(), tx.GasFeeCap(), tx.Gas(), *tx.To(), tx.Value(), tx.Data(), tx.AccessList(),
	})
	return append([]byte{types.DynamicFeeTxType}, b...), err
}

func decodePayload(b []byte) (*types.Transaction, error) {
	if len(b) == 0 {
		return nil, errors.New("there is no transaction")
	}
	if b[0] == types.DynamicFeeTxType {
		var p unsignedDynamic
		if err := rlp.DecodeBytes(b[1:], &p); err != nil {
			return nil, err
		}
		return types.NewTx(&types.DynamicFeeTx{
			ChainID: p.ChainID, Nonce: p.Nonce, GasTipCap: p.Tip, GasFeeCap: p.Cap, Gas: p.Gas, To: &p.To, Value: p.Value,
			Data: p.Data, AccessList: p.Access,
		}), nil
	}
	var p unsignedLegacy
	if err := rlp.DecodeBytes(b, &p); err != nil {
		return nil, err
	}
	if p.Zero != 0 || p.Zero2 != 0 || p.ChainID.BitLen() > 62 {
		return nil, errors.New("not an unsigned transaction of EIP-155")
	}
	return newLegacy(p.ChainID, p.Nonce, p.Price, p.Gas, p.To, p.Value, p.Data), nil
}

// newLegacy returns a legacy transaction whose V holds the chain id, as a signature of EIP-155 does, so that the chain
// id is known before the signature.
func newLegacy(id *big.Int, nonce uint64, price *big.Int, gas uint64, to common.Address, value *big.Int, data []byte) *types.Transaction {
	v := new(big.Int).Add(new(big.Int).Lsh(id, 1), big.NewInt(35))
	return types.NewTx(&types.LegacyTx{Nonce: nonce, GasPrice: price, Gas: gas, To: &to, Value: value, Data: data, V: v})
}

// transferCall returns the call data of a transfer of a token.
func transferCall(to common.Address, units *big.Int) []byte {
	data := append([]byte(nil), transferSelector[:]...)
	data = append(data, common.LeftPadBytes(to.Bytes(), 32)...)
	return append(data, common.LeftPadBytes(units.Bytes(), 32)...)
}

func readTransfer(data []byte) (to chain.Address, units *big.Int, ok bool) {
	if len(data) != 4+32+32 || [4]byte(data[:4]) != transferSelector || [12]byte(data[4:16]) != [12]byte{} {
		return "", nil, false
	}
	return chain.Address(common.Address(data[16:36]).Hex()), new(big.Int).SetBytes(data[36:]), true
}

// Sign signs with the private key, 32 bytes, of the address From. It returns what [Spender.Verify] takes: the signed
// transaction as it is sent. It returns an error if the key is that of another address. No error contains the key.
func (u Unsigned) Sign(key []byte) ([]byte, error) {
	private, err := crypto.ToECDSA(key)
	if err != nil {
		return nil, errors.New("payout/evm: sign: not a private key")
	}
	if owner := chain.Address(crypto.PubkeyToAddress(private.PublicKey).Hex()); owner != u.From {
		return nil, fmt.Errorf("payout/evm: sign: the key is that of %s, and %s has to sign", owner, u.From)
	}
	signed, err := types.SignTx(u.tx, types.LatestSignerForChainID(u.tx.ChainId()), private)
	if err != nil {
		return nil, fmt.Errorf("payout/evm: sign: %w", err)
	}
	return signed.MarshalBinary()
}

// Sign parses the Unsigned bytes of a version and signs them with the private key of the address that has to: see
// [ParseUnsigned], which says which one that is, and [Unsigned.Sign].
func Sign(unsigned, key []byte) ([]byte, error) {
	u, err := ParseUnsigned(unsigned)
	if err != nil {
		return nil, err
	}
	return u.Sign(key)
}

// chainID returns the number in a network's name.
func chainID(n chain.Network) (uint64, error) {
	id, err := strconv.ParseUint(n.Reference(), 10, 62)
	if n.Namespace() != "eip155" || err != nil || id == 0 || strconv.FormatUint(id, 10) != n.Reference() {
		return 0, fmt.Errorf("%.64q is not an EVM network such as eip155:1", n)
	}
	return id, nil
}
