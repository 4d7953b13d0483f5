// Package evmtest drives real Ethereum nodes for tests: go-ethereum within the process ([NewGeth]) and the anvil
// program ([NewAnvil]). Both are worlds of the conformance suite:
//
//	chaintest.Run(t, evmtest.NewGeth)
//
// Its own tests also drive a go-ethereum node with call traces and WebSockets.
//
// They differ where adapters break: after a reorganisation go-ethereum mines the replaced transactions again, and
// anvil loses them.
package evmtest
