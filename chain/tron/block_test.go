package tron_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cointill/cointill/chain"
	"github.com/cointill/cointill/chain/tron"
	"github.com/cointill/cointill/chain/tron/trontest"
)

func TestBlock_TransfersInChainOrder(t *testing.T) {
	s := newScene(t)
	at := s.mine(
		s.Transfer(payer, shop, 5),
		s.call().Token(usdcContract, payer, shop, units(7)).Token(usdtContract, payer, shop2, units(8)).Inside(other, shop2, 9, "call"),
		s.Transfer(payer, shop2, 10))
	s.sees(at,
		paid{"value", "TRX", shop, 5},
		paid{usdcContract + "#0", "USDC", shop, 7},
		paid{usdtContract + "#0", "USDT", shop2, 8},
		paid{"internal#0", "TRX", shop2, 9},
		paid{"value", "TRX", shop2, 10})
}

func TestBlock_FieldsAreTheTransactions(t *testing.T) {
	s := newScene(t)
	x := s.Transfer(payer, shop, 5)
	at := s.mine(x)
	b, err := s.node.Block(t.Context(), at)
	require.NoError(t, err)
	require.Equal(t, []chain.Transfer{{
		TxID: x.ID, Index: "value", Asset: s.trx.ID, From: chain.Address(payer), To: chain.Address(shop), Units: units(5),
	}}, b.Transfers)
	h, err := s.node.Header(t.Context(), at)
	require.NoError(t, err)
	require.Equal(t, b.Header, h)
	require.Len(t, h.Hash, 64)
	require.Equal(t, s.Genesis(), h.Parent)
}

func TestBlock_ResultsAreOnlyReadWhereCodeRan(t *testing.T) {
	s := newScene(t)
	s.sees(s.mine())
	s.sees(s.mine(s.Transfer(payer, shop, 5)), paid{"value", "TRX", shop, 5})
	require.Zero(t, s.Calls("wallet/gettransactioninfobyblocknum"))
	s.sees(s.mine(s.call()))
	require.Equal(t, 1, s.Calls("wallet/gettransactioninfobyblocknum"))
}

func TestBlock_OnlyConfiguredAssetsAreSeenAndKeysStay(t *testing.T) {
	s := newScene(t)
	at := s.mine(s.Transfer(payer, shop, 5),
		s.call().Token(usdcContract, payer, shop, units(7)).Token(usdtContract, payer, shop, units(8)).Inside(other, shop, 9, "call"))
	all, err := s.node.Block(t.Context(), at)
	require.NoError(t, err)
	b, err := s.adapter(s.usdt).Block(t.Context(), at)
	require.NoError(t, err)
	require.Equal(t, all.Transfers[2:3], b.Transfers)
	b, err = s.adapter(s.trx).Block(t.Context(), at)
	require.NoError(t, err)
	require.Equal(t, []chain.Transfer{all.Transfers[0], all.Transfers[3]}, b.Transfers)
}

func TestIncident1_TransactionThatDoesNotSayItSucceededCreditsNothing(t *testing.T) {
	s := newScene(t)
	silent := s.Transfer(payer, shop, 5)
	silent.ContractRet = ""
	s.sees(s.mine(silent))
}

func TestIncident2_CallDataWithoutLogCreditsNothing(t *testing.T) {
	s := newScene(t)
	s.sees(s.mine(s.World.Call(payer, usdtContract, "a9059cbb"+trontest.Topic(shop)+fmt.Sprintf("%064x", 1000), 0)))
}

func TestIncident3_FailedTransactionCreditsNothing(t *testing.T) {
	for _, result := range []string{"REVERT", "OUT_OF_ENERGY", "OUT_OF_TIME", "TRANSFER_FAILED"} {
		s := newScene(t)
		at := s.mine(
			s.Transfer(payer, shop, 5).Fail(result),
			s.Transfer(payer, shop, 6),
			s.call().Token(usdtContract, payer, shop, units(7)).Inside(other, shop, 8, "call").Fail(result))
		s.sees(at, paid{"value", "TRX", shop, 6})
	}
}

func TestIncident4_UndoneInternalTransfersCreditNothing(t *testing.T) {
	s := newScene(t)
	x := s.call().Inside(other, shop, 5, "call").Inside(other, shop, 6, "call").Inside(other, shop, 7, "call")
	x.Internal[1]["rejected"] = true
	s.sees(s.mine(x), paid{"internal#0", "TRX", shop, 5}, paid{"internal#1", "TRX", shop, 7})
}

func TestIncident4_FailedTransactionCreditsNothingEvenIfNothingIsRejected(t *testing.T) {
	s := newScene(t)
	x := s.call().Inside(other, shop, 5, "call").Fail("REVERT")
	delete(x.Internal[0], "rejected")
	s.sees(s.mine(x))
}

func TestIncident5_FailedInnerCallInASuccessfulTransaction(t *testing.T) {
	s := newScene(t)
	x := s.call().Inside(other, shop, 5, "call")
	x.Internal[0]["rejected"] = true
	s.sees(s.mine(x))
}

func TestIncident6_AmountReceivedCountsNotAmountSent(t *testing.T) {
	s := newScene(t)
	x := s.World.Call(payer, usdtContract, "a9059cbb"+trontest.Topic(shop)+fmt.Sprintf("%064x", 100), 0)
	s.sees(s.mine(x.Token(usdtContract, payer, shop, units(99)).Token(usdtContract, payer, other, units(1))),
		paid{usdtContract + "#0", "USDT", shop, 99}, paid{usdtContract + "#1", "USDT", other, 1})
}

func TestIncident8_MoneyThatComesBackIsTwoTransfersToTwoReceivers(t *testing.T) {
	s := newScene(t)
	s.sees(s.mine(s.call().Token(usdtContract, payer, shop, units(9)).Token(usdtContract, shop, payer, units(9))),
		paid{usdtContract + "#0", "USDT", shop, 9}, paid{usdtContract + "#1", "USDT", payer, 9})
}

func TestIncident9_InternalValuesThatAreNotTransfersCreditNothing(t *testing.T) {
	s := newScene(t)
	x := s.call()
	for _, note := range []string{ // what java-tron calls stakes, delegations, votes and creations
		"create", "freezeForEnergy", "freezeBalanceV2ForEnergy", "unfreezeBalanceV2ForBandwidth", "delegateResourceOfEnergy",
		"unDelegateResourceOfBandwidth", "withdrawExpireUnfreeze", "withdrawReward", "voteWitness", "", "somethingNew",
	} {
		x.Inside(other, shop, 5, note)
	}
	x.Inside(shop, shop, 5, "call")  // a delegate call repeats the value of its caller
	x.Inside(other, shop, 0, "call") // value left out
	s.sees(s.mine(x))
}

func TestBlock_TRXThatContractsPassOn(t *testing.T) {
	s := newScene(t)
	x := s.call().Inside(other, shop, 5, "delegateResourceOfEnergy").Inside(other, shop, 6, "call").Inside(other, shop, 7, "suicide").
		Inside(other, shop2, 8, "call")
	s.sees(s.mine(x), paid{"internal#0", "TRX", shop, 6}, paid{"internal#1", "TRX", shop, 7}, paid{"internal#2", "TRX", shop2, 8})
}

func TestBlock_KeysInsideDoNotDependOnWhatElseANodeKeeps(t *testing.T) {
	s := newScene(t)
	full := s.call().Inside(other, shop, 0, "call").Inside(other, shop, 5, "voteWitness").Inside(other, shop, 6, "call").Inside(other, shop, 7, "call")
	at := s.mine(full)
	want := []paid{{"internal#0", "TRX", shop, 6}, {"internal#1", "TRX", shop, 7}}
	s.sees(at, want[0], want[1])
	full.Internal = full.Internal[2:]
	s.sees(at, want...)
}

func TestIncident10_AnotherContractOfTheSameSymbolCreditsNothing(t *testing.T) {
	s := newScene(t)
	s.sees(s.mine(s.call().Token(other, payer, shop, units(1_000_000))))
}

func TestIncident11_TRC10TokensCreditNothingWhateverTheyAreCalled(t *testing.T) {
	s := newScene(t)
	inside := s.call().Inside(other, shop, 5, "call")
	inside.Internal[0]["callValueInfo"] = []object{{"callValue": 5, "tokenId": "1002000"}, {"tokenId": "1002000"}}
	s.sees(s.mine(
		s.TransferAsset(payer, shop, "USDT", 1_000_000),
		s.TransferAsset(payer, shop, "TRX", 1_000_000),
		s.TransferAsset(payer, shop, "1002000", 1_000_000),
		inside))
}

func TestIncident13_AmountsAreExactBeyondFloatsAndRefusedBeyondTheirSize(t *testing.T) {
	s := newScene(t)
	const most int64 = 1<<63 - 1
	huge := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1))
	at := s.mine(s.Transfer(payer, shop, most), s.call().Token(usdtContract, payer, shop, huge).Inside(other, shop, 1<<53+1, "call"))
	b, err := s.node.Block(t.Context(), at)
	require.NoError(t, err)
	require.Equal(t, most, b.Transfers[0].Units.Int64())
	require.Equal(t, huge, b.Transfers[1].Units)
	require.Equal(t, int64(1<<53+1), b.Transfers[2].Units.Int64())
	for _, value := range []string{"9223372036854775808", "1e3", "5.0", `"5"`, "0x5", "true", "{}"} {
		spoil := func(o object) {
			o["internal_transactions"].([]any)[0].(object)["callValueInfo"] = []object{{"callValue": json.RawMessage(value)}}
		}
		s.Edit("gettransactioninfobyblocknum", func(a any) any { spoil(info(a, 1)); return a })
		s.Edit("gettransactioninfobyid", func(a any) any { spoil(a.(object)); return a })
		_, err := s.node.Block(t.Context(), at)
		require.Error(t, err, value)
	}
}

func TestIncident14_OtherLogsWithTheSameTopicCreditNothing(t *testing.T) {
	s := newScene(t)
	one, from, to := fmt.Sprintf("%064x", 1), trontest.Topic(payer), trontest.Topic(shop)
	s.sees(s.mine(s.call().
		Log(usdtContract, "", trontest.TransferTopic, from, to, one). // TRC-721
		Log(usdtContract, one, trontest.TransferTopic, from, to, one).
		Log(usdtContract, one, trontest.TransferTopic, from).
		Log(usdtContract, one+one, trontest.TransferTopic, from, to).
		Log(usdtContract, "01", trontest.TransferTopic, from, to).
		Log(usdtContract, "", trontest.TransferTopic, from, to).
		Log(usdtContract, one, trontest.TransferTopic, from, "ff"+to[2:]).
		Log(usdtContract, one, trontest.TransferTopic, from, to[2:]).
		Log(usdtContract, one, "8c5be1e5ebec7d5bd14f71427d1e84f3dd0314c0f7b2291e5b200ac8c7c3b925", from, to). // Approval
		Log(usdtContract, one).
		Token(usdtContract, payer, shop, units(5))),
		paid{usdtContract + "#8", "USDT", shop, 5})
}

func TestIncident20_ScanningTwiceGivesTheSameKeys(t *testing.T) {
	s := newScene(t)
	at := s.mine(s.Transfer(payer, shop, 5), s.call().Token(usdtContract, payer, shop, units(6)).Inside(other, shop, 7, "call"))
	first, err := s.node.Block(t.Context(), at)
	require.NoError(t, err)
	again, err := s.adapter(s.usdt, s.trx).Block(t.Context(), at)
	require.NoError(t, err)
	require.Equal(t, first, again)
}

func TestA37_TransfersKeepTheirKeysInAnotherBlock(t *testing.T) {
	s := newScene(t)
	s.Send(s.call().Token(usdtContract, payer, other, units(1)))
	x, y := s.call().Token(usdtContract, payer, shop, units(6)).Inside(other, shop, 7, "call"), s.Transfer(payer, shop, 5)
	at := s.mine(x, y)
	first, err := s.node.Block(t.Context(), at)
	require.NoError(t, err)
	s.Chain.Reorganise(1, false)
	again, err := s.node.Block(t.Context(), at)
	require.NoError(t, err)
	require.NotEqual(t, first.Hash, again.Hash)
	require.Equal(t, first.Transfers, again.Transfers)
}

func TestA37_ReplacedTransferIsGone(t *testing.T) {
	s := newScene(t)
	at := s.mine(s.Transfer(payer, shop, 5))
	s.Chain.Reorganise(1, true)
	s.sees(at)
}

func TestIncident48_ZeroValueTransfersAreNoTransfers(t *testing.T) {
	s := newScene(t)
	s.sees(s.mine(s.Transfer(payer, shop, 0), s.Transfer(payer, shop, -5),
		s.call().Token(usdtContract, payer, shop, units(0)).Token(usdtContract, payer, shop, units(5))),
		paid{usdtContract + "#1", "USDT", shop, 5})
}

func TestA9_MatchesByDestinationAndContractNeverBySender(t *testing.T) {
	s := newScene(t)
	s.sees(s.mine(s.World.Call(shop2, other, "", 0).Token(usdtContract, payer, shop, units(5))), paid{usdtContract + "#0", "USDT", shop, 5})
}

func TestA14_TRXToATokensInvoiceStaysTRX(t *testing.T) {
	s := newScene(t)
	s.sees(s.mine(s.Transfer(payer, shop, 25_000_000), s.call().Token(usdcContract, payer, shop, units(25_000_000))),
		paid{"value", "TRX", shop, 25_000_000}, paid{usdcContract + "#0", "USDC", shop, 25_000_000})
}

func TestBlock_TRXGivenToAContractWithACallIsNoTransfer(t *testing.T) {
	s := newScene(t)
	s.sees(s.mine(s.World.Call(payer, shop, "", 5)))
}

// field appends a protobuf field to a message.
func field(message []byte, number, form uint64, payload []byte) []byte {
	message = binary.AppendUvarint(slices.Clip(message), number<<3|form)
	if form == 2 {
		message = binary.AppendUvarint(message, uint64(len(payload)))
	}
	return append(message, payload...)
}

func TestBlock_TransactionsThatCannotBeReadPayNothingAndStopNothing(t *testing.T) {
	address := func(s string) []byte { return append([]byte{0x41}, []byte(s)...) }
	transfer := field(field(field(nil, 1, 2, address("payer---------------")), 2, 2, address("shop----------------")), 3, 0, []byte{5})
	contract := field(field(nil, 1, 0, []byte{1}), 2, 2, field(nil, 2, 2, transfer))
	for name, raw := range map[string][]byte{
		"nothing":            {},
		"garbage":            []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
		"cut short":          field(nil, 11, 2, contract)[:20],
		"no contract":        field(nil, 14, 0, []byte{1}),
		"two contracts":      field(field(nil, 11, 2, contract), 11, 2, contract),
		"group":              append(field(nil, 11, 2, contract), 20<<3&0x7f|3),
		"amount as bytes":    field(nil, 11, 2, field(field(nil, 1, 0, []byte{1}), 2, 2, field(nil, 2, 2, field(transfer[:46], 3, 2, []byte{5})))),
		"receiver cut short": field(nil, 11, 2, field(field(nil, 1, 0, []byte{1}), 2, 2, field(nil, 2, 2, field(field(nil, 2, 2, address("shop")), 3, 0, []byte{5})))),
		"another prefix":     field(nil, 11, 2, field(field(nil, 1, 0, []byte{1}), 2, 2, field(nil, 2, 2, field(field(nil, 2, 2, []byte("\xa0shop----------------")), 3, 0, []byte{5})))),
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			s.sees(s.mine(s.RawTx("TransferContract", object{}, raw), s.Transfer(payer, shop, 6)), paid{"value", "TRX", shop, 6})
		})
	}
	for name, transfer := range map[string][]byte{
		"as it should be":                        transfer,
		"with a field of a form that it has not": field(transfer, 3, 2, []byte{9}),
		"with fields that are not known":         append(field(transfer, 9, 1, make([]byte, 8)), field(nil, 10, 5, make([]byte, 4))...),
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			contract := field(field(nil, 1, 0, []byte{1}), 2, 2, field(nil, 2, 2, transfer))
			s.sees(s.mine(s.RawTx("TransferContract", object{}, field(nil, 11, 2, contract))), paid{"value", "TRX", shop, 5})
		})
	}
}

func TestBlock_NodesRenderingOfATransactionIsIgnored(t *testing.T) {
	s := newScene(t)
	at := s.mine(s.Transfer(payer, shop, 5))
	s.Edit("getblockbynum", func(b any) any {
		contract := tx(b, 0)["raw_data"].(object)["contract"].([]any)[0].(object)
		contract["parameter"].(object)["value"].(object)["amount"] = 5_000_000
		return b
	})
	s.sees(at, paid{"value", "TRX", shop, 5})
}

func TestIncident31_BlocksThatDoNotAddUpAreRefused(t *testing.T) {
	for name, lie := range map[string]func(b object) any{
		"no id":                     func(b object) any { delete(b, "blockID"); return b },
		"another id":                func(b object) any { b["blockID"] = b["blockID"].(string)[:16] + strings.Repeat("0", 48); return b },
		"no header":                 func(b object) any { delete(b, "block_header"); return b },
		"no transactions":           func(b object) any { delete(b, "transactions"); return b },
		"one transaction missing":   func(b object) any { b["transactions"] = b["transactions"].([]any)[:1]; return b },
		"a transaction twice":       func(b object) any { l := b["transactions"].([]any); b["transactions"] = append(l, l[1]); return b },
		"a transaction is null":     func(b object) any { b["transactions"].([]any)[0] = nil; return b },
		"another transaction's id":  func(b object) any { tx(b, 0)["txID"] = tx(b, 1)["txID"]; return b },
		"other bytes":               func(b object) any { tx(b, 0)["raw_data_hex"] = tx(b, 1)["raw_data_hex"]; return b },
		"failed call said to be ok": func(b object) any { tx(b, 2)["ret"] = []object{{"contractRet": "SUCCESS"}}; return b },
		"good call said to fail":    func(b object) any { tx(b, 1)["ret"] = []object{{"contractRet": "REVERT"}}; return b },
		"parent cut short":          func(b object) any { header(b)["parentHash"] = "00"; return b },
		"height missing":            func(b object) any { delete(header(b), "number"); return b },
		"time beyond all bounds":    func(b object) any { header(b)["timestamp"] = int64(1) << 62; header(b)["new"] = 1; return b },
		"parent cut, later version": func(b object) any { header(b)["parentHash"] = "00"; header(b)["new"] = 1; return b },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			at := s.mine(s.Transfer(payer, shop, 5), s.call().Token(usdtContract, payer, shop, units(6)),
				s.call().Token(usdtContract, payer, shop, units(7)).Fail("REVERT"))
			s.Edit("getblockbynum", func(b any) any { return lie(b.(object)) })
			s.refuses(at)
		})
	}
}

func header(b any) object { return b.(object)["block_header"].(object)["raw_data"].(object) }

func TestIncident31_ResultsWithoutTheBlocksProofAreRefused(t *testing.T) {
	for name, lie := range map[string]func(list []any) any{
		"none":                       func([]any) any { return []any{} },
		"empty object":               func([]any) any { return object{} },
		"one missing":                func(l []any) any { return l[:1] },
		"one too many":               func(l []any) any { return append(l, l[1]) },
		"one twice":                  func(l []any) any { return []any{l[1], l[1]} },
		"null in it":                 func(l []any) any { l[1] = nil; return l },
		"empty in it":                func(l []any) any { l[1] = object{}; return l },
		"of another height":          func(l []any) any { info(l, 1)["blockNumber"] = 2; return l },
		"of another block":           func(l []any) any { info(l, 1)["blockTimeStamp"] = int64(1_700_000_003_000); return l },
		"of another transaction":     func(l []any) any { info(l, 1)["id"] = strings.Repeat("1", 64); return l },
		"says that the call failed":  func(l []any) any { info(l, 1)["receipt"] = object{"result": "REVERT"}; return l },
		"says FAILED":                func(l []any) any { info(l, 1)["result"] = "FAILED"; return l },
		"does not say how it went":   func(l []any) any { delete(info(l, 1), "receipt"); return l },
		"says the transfer failed":   func(l []any) any { info(l, 0)["result"] = "FAILED"; return l },
		"without number and without": func(l []any) any { delete(info(l, 1), "blockNumber"); return l },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			at := s.mine(s.Transfer(payer, shop, 5), s.call().Token(usdtContract, payer, shop, units(6)))
			s.Edit("gettransactioninfobyblocknum", func(a any) any { return lie(a.([]any)) })
			s.sees(at, paid{"value", "TRX", shop, 5}, paid{usdtContract + "#0", "USDT", shop, 6})
			require.LessOrEqual(t, s.Calls("wallet/gettransactioninfobyid"), 1, "what is missing is asked for singly")

			s.Edit("gettransactioninfobyid", func(a any) any { a.(object)["blockNumber"] = 2; return a })
			b, err := s.node.Block(t.Context(), at)
			if name == "says the transfer failed" { // the root contradicts it, and it ran no code
				require.NoError(t, err)
				require.Len(t, b.Transfers, 2)
				return
			}
			require.ErrorIs(t, err, chain.ErrIncomplete, "what contradicts the block even then is not believed")

			s.Edit("gettransactioninfobyid", func(any) any { return object{} })
			b, err = s.node.Block(t.Context(), at)
			if name == "none" || name == "empty object" || name == "one twice" {
				require.ErrorIs(t, err, chain.ErrIncomplete, "a node that has no good result at all")
				return
			}
			require.NoError(t, err)
			require.Len(t, b.Transfers, 1)
			require.Len(t, b.Unexamined, 1, "what it does not have even then, it may have later")
		})
	}
	t.Run("of a block that is not proven", func(t *testing.T) {
		s := newScene(t)
		at := s.mine(s.Transfer(payer, shop, 5), s.call().Token(usdtContract, payer, shop, units(6)))
		s.Edit("getblockbynum", func(block any) any { tx(block, 0)["signature"] = []any{}; return block })
		s.sees(at, paid{"value", "TRX", shop, 5}, paid{usdtContract + "#0", "USDT", shop, 6})
		s.Edit("gettransactioninfobyblocknum", func(a any) any { return a.([]any)[:1] })
		s.refuses(at)
	})
}

func TestIncident31_ListsThatAreWrongTogetherAreRefused(t *testing.T) {
	for name, lie := range map[string]func(list []any) []any{
		"both empty":            func([]any) []any { return []any{} },
		"one transaction twice": func(l []any) []any { return append(l, l[1]) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t)
			at := s.mine(s.Transfer(payer, shop, 5), s.call().Token(usdtContract, payer, shop, units(6)))
			s.Edit("getblockbynum", func(b any) any {
				o := b.(object)
				o["transactions"] = lie(o["transactions"].([]any))
				return b
			})
			s.Edit("gettransactioninfobyblocknum", func(a any) any { return lie(a.([]any)) })
			s.refuses(at)
		})
	}
}

func TestBlock_LogsOfTransactionsThatRunNoCodeCreditNothing(t *testing.T) {
	s := newScene(t)
	x := s.Transfer(payer, shop, 5).Token(usdtContract, payer, shop, units(6)).Inside(other, shop, 7, "call")
	x.Receipt = "SUCCESS"
	s.sees(s.mine(x, s.call()), paid{"value", "TRX", shop, 5})
}

func TestBlock_LogsOfATransactionThatCannotBeReadNeedItsResult(t *testing.T) {
	for result, want := range map[string][]paid{"": nil, "SUCCESS": {{usdtContract + "#0", "USDT", shop, 6}}} {
		s := newScene(t)
		x := s.RawTx("", object{}, []byte("\xff")).Token(usdtContract, payer, shop, units(6))
		x.Receipt = result
		s.sees(s.mine(x), want...)
	}
}

func TestBlock_WithoutInternalTransactions(t *testing.T) {
	s := newScene(t)
	at := s.mine(s.Transfer(payer, shop, 5), s.call().Token(usdtContract, payer, shop, units(6)).Inside(other, shop, 7, "call"))
	n, err := tron.New(tron.Config{
		Network: s.Network(), Genesis: s.Genesis(), URL: s.URL, Assets: []chain.Asset{s.trx, s.usdt}, IgnoreInternal: true,
	})
	require.NoError(t, err)
	s.node = n
	s.sees(at, paid{"value", "TRX", shop, 5}, paid{usdtContract + "#0", "USDT", shop, 6})
}

func TestIncident31_ResultsThatSayMoreThanTheBlockAreRefused(t *testing.T) {
	s := newScene(t)
	at := s.mine(s.call().Token(usdtContract, payer, shop, units(6)).Fail("REVERT"))
	s.Edit("gettransactioninfobyblocknum", func(a any) any {
		info(a, 0)["receipt"] = object{"result": "SUCCESS"}
		delete(info(a, 0), "result")
		return a
	})
	s.sees(at)
	s.Edit("gettransactioninfobyid", func(a any) any {
		a.(object)["receipt"] = object{"result": "SUCCESS"}
		delete(a.(object), "result")
		return a
	})
	s.refuses(at)
}

func TestIncident29_ResultsOfAReplacedBlockAreRefused(t *testing.T) {
	s := newScene(t)
	at := s.mine(s.call().Token(usdtContract, payer, shop, units(6)))
	var stale any
	s.Edit("gettransactioninfobyblocknum", func(a any) any { stale = a; return a })
	s.sees(at, paid{usdtContract + "#0", "USDT", shop, 6})
	s.Chain.Reorganise(1, false)
	s.Edit("gettransactioninfobyblocknum", func(any) any { return stale })
	s.sees(at, paid{usdtContract + "#0", "USDT", shop, 6})
	s.Edit("gettransactioninfobyid", func(any) any { return info(stale, 0) })
	s.refuses(at)
	s.Edit("gettransactioninfobyid", nil)
	s.Edit("gettransactioninfobyblocknum", nil)
	s.sees(at, paid{usdtContract + "#0", "USDT", shop, 6})
}

// Anybody can add to a transaction what the API does not show. That must neither stop the reading of blocks nor
// open it to lists that are cut short.
func TestBlock_PartsThatTheAPIDoesNotShowNeedTheNodesResults(t *testing.T) {
	odd := func() (*scene, uint64) {
		s := newScene(t)
		x := s.Transfer(payer, shop, 5)
		x.Unshown = field(nil, 10, 0, []byte{1})
		return s, s.mine(x, s.Transfer(payer, shop, 6).Fail("OUT_OF_TIME"), s.call().Token(usdtContract, payer, shop, units(7)))
	}
	s, at := odd()
	s.sees(at, paid{"value", "TRX", shop, 5}, paid{usdtContract + "#0", "USDT", shop, 7})

	s.Edit("getblockbynum", func(b any) any {
		o := b.(object)
		o["transactions"] = o["transactions"].([]any)[1:]
		return b
	})
	s.refuses(at)
	s.Edit("getblockbynum", func(b any) any { tx(b, 1)["ret"] = []object{{"contractRet": "SUCCESS"}}; return b })
	s.refuses(at)
	s.Edit("getblockbynum", nil)
	s.Edit("gettransactioninfobyblocknum", func(a any) any { return a.([]any)[:2] })
	s.refuses(at)
}

func TestBlock_HeaderOfALaterVersionIsReadByItsHeight(t *testing.T) {
	s := newScene(t)
	at := s.mine(s.Transfer(payer, shop, 5))
	s.Edit("getblockbynum", func(b any) any {
		header(b)["receiptsRoot"] = strings.Repeat("1", 64)
		b.(object)["blockID"] = b.(object)["blockID"].(string)[:16] + strings.Repeat("1", 48)
		return b
	})
	s.sees(at, paid{"value", "TRX", shop, 5})
	s.Edit("getblockbynum", func(b any) any {
		header(b)["receiptsRoot"], header(b)["number"] = strings.Repeat("1", 64), 2
		return b
	})
	s.refuses(at)
}

func TestBlock_OfAnotherHeightIsRefused(t *testing.T) {
	s := newScene(t)
	s.mine(s.Transfer(payer, shop, 5))
	at := s.mine()
	var first any
	s.Edit("getblockbynum", func(b any) any { first = b; return b })
	s.sees(1, paid{"value", "TRX", shop, 5})
	s.Edit("getblockbynum", func(any) any { return first })
	s.refuses(at)
	s.Edit("getblock", func(any) any { return first })
	_, err := s.node.Header(t.Context(), at)
	require.ErrorIs(t, err, chain.ErrIncomplete)
}

func TestBlock_BeyondTheTipIsNotFound(t *testing.T) {
	s := newScene(t)
	s.mine()
	for _, height := range []uint64{2, 1 << 40, 1<<63 - 1, 1 << 63, 1<<64 - 1} {
		_, err := s.node.Block(t.Context(), height)
		require.ErrorIs(t, err, chain.ErrNotFound, height)
		_, err = s.node.Header(t.Context(), height)
		require.ErrorIs(t, err, chain.ErrNotFound, height)
	}
}
