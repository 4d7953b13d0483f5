package tron

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
)

// unsigned is a transaction that is to be signed, in the JSON form that the tools of TRON know, and which of our keys sign
// and receive it. The tools ignore what they do not know.
type unsigned struct {
	Visible bool    `json:"visible"`
	TxID    string  `json:"txID"`
	Data    rawData `json:"raw_data"` // for people and tools: it says the same as Hex
	Hex     string  `json:"raw_data_hex"`
	// Path is that of the key that signs, below the account's, and ToPath that of the receiver's if it is ours.
	Path   []uint32 `json:"path"`
	ToPath []uint32 `json:"to_path,omitempty"`
}

type rawData struct {
	Contract   []rawContract `json:"contract"`
	RefBytes   string        `json:"ref_block_bytes"`
	RefHash    string        `json:"ref_block_hash"`
	Expiration int64         `json:"expiration"`
	Timestamp  int64         `json:"timestamp"`
	Limit      int64         `json:"fee_limit,omitempty"`
}

type rawContract struct {
	Parameter struct {
		Value rawValue `json:"value"`
		URL   string   `json:"type_url"`
	} `json:"parameter"`
	Type string `json:"type"`
}

type rawValue struct {
	Owner    string   `json:"owner_address"`
	To       string   `json:"to_address,omitempty"`
	Amount   *big.Int `json:"amount,omitempty"`
	Contract string   `json:"contract_address,omitempty"`
	Data     string   `json:"data,omitempty"`
}

// present returns the form that a signer gets. The same payment has the same form.
func present(p payment, path, toPath []uint32) ([]byte, error) {
	c := rawContract{Type: "TransferContract"}
	c.Parameter.URL = transferURL
	c.Parameter.Value = rawValue{Owner: hex.EncodeToString(p.from.bytes())}
	if v := &c.Parameter.Value; p.contract == nil {
		v.To, v.Amount = hex.EncodeToString(p.to.bytes()), p.units
	} else {
		c.Type, c.Parameter.URL = "TriggerSmartContract", triggerURL
		v.Contract, v.Data = hex.EncodeToString(p.contract.bytes()), hex.EncodeToString(p.callData())
	}
	return json.Marshal(unsigned{
		TxID: p.txID(), Hex: hex.EncodeToString(p.encode()), Path: path, ToPath: toPath,
		Data: rawData{
			Contract: []rawContract{c}, RefBytes: hex.EncodeToString(p.ref[:2]), RefHash: hex.EncodeToString(p.ref[2:]),
			Expiration: p.expiration, Timestamp: p.timestamp, Limit: p.limit,
		},
	})
}

// maxUnsigned is the largest form of a transaction, in bytes.
const maxUnsigned = 16 << 10

// understand reads what present makes, and nothing else: what tools and people see is what is signed.
func understand(text []byte) (p payment, path, toPath []uint32, err error) {
	if len(text) > maxUnsigned {
		return p, nil, nil, fmt.Errorf("larger than %d bytes", maxUnsigned)
	}
	var u unsigned
	if json.Unmarshal(text, &u) != nil {
		return p, nil, nil, errors.New("not the JSON of a transaction")
	}
	raw, err := hex.DecodeString(u.Hex)
	if err != nil {
		return p, nil, nil, errors.New("raw_data_hex is not hexadecimal")
	}
	if p, err = decode(raw); err != nil {
		return p, nil, nil, fmt.Errorf("raw_data_hex is %w", err)
	}
	if made, err := present(p, u.Path, u.ToPath); err != nil || !bytes.Equal(made, text) {
		return p, nil, nil, errors.New("its parts differ from raw_data_hex")
	}
	if len(u.Path) != 2 {
		return p, nil, nil, errors.New("path is not a branch and a number")
	}
	return p, u.Path, u.ToPath, nil
}

// signedParts returns the raw data and the signature of a signed transaction, encoded or as JSON.
func signedParts(signed []byte) (raw, signature []byte, err error) {
	if len(signed) > maxUnsigned {
		return nil, nil, fmt.Errorf("larger than %d bytes", maxUnsigned)
	}
	if text := bytes.TrimSpace(signed); len(text) == 0 || text[0] != '{' {
		return unseal(signed)
	}
	var s struct {
		Hex        string   `json:"raw_data_hex"`
		Signatures []string `json:"signature"`
	}
	if json.Unmarshal(signed, &s) != nil || len(s.Signatures) != 1 {
		return nil, nil, errors.New("not the JSON of a transaction with one signature")
	}
	raw, err = hex.DecodeString(s.Hex)
	if err != nil {
		return nil, nil, errors.New("raw_data_hex is not hexadecimal")
	}
	signature, err = hex.DecodeString(s.Signatures[0])
	if err != nil || len(signature) != signatureLen {
		return nil, nil, fmt.Errorf("the signature is not %d bytes", signatureLen)
	}
	return raw, signature, nil
}
