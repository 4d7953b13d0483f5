// Package signer has signers of payouts: keys in this process, and another process over HTTP. Without either, unsigned
// transactions are exported, signed elsewhere and imported (payout.Service.Export and Import), and no key is near a
// program that faces the internet: that is the default.
//
// # Keys in this process
//
// [Seed] holds the account keys that it derives from a seed of BIP-32, which is read once from a file that [Create] made:
//
//	s, err := signer.Open("payouts.seed", passphrase,
//		signer.Account{Family: family, Path: "m/44h/195h/0h"})
//	...
//	defer s.Close()
//
// How a network's transactions are read and signed is its [Family], which holds no key: it gets single keys below the
// account's, for as long as it signs with them.
//
// # Another process
//
// [Remote] asks a process that holds the keys. [NewHandler] is the side of that process: it wraps any payout.Signer,
// reads what is to be signed, and asks a [Policy] first. The protocol is one request:
//
//	POST with Content-Type application/json, and either a client certificate or "Authorization: Bearer <token>"
//	{"network": "tron:0x2b6653dc", "transaction": "0198...", "n": 0, "lane": "T...", "unsigned": "<base64>"}
//
//	200 {"signed": "<base64>"}
//	202 {}                              signed later: the same request is to come again
//	403 {"code": "policy", "reason": "...", "digest": "<SHA-256 of unsigned, in hexadecimal digits>"}
//	                                    these bytes will never be signed; code is "policy" or "invalid"
//	401, 400, 405, 413, 422, 500, ...   nothing is said about the bytes
//
// A 403 without the digest of the request comes from something in between, and says nothing. The same request may come any
// number of times, and gets the same answer. No body is larger than [MaxBody].
//
// The package signertest has the suite that proves a payout.Signer.
package signer
