package signer

import (
	"testing"

	"github.com/cointill/cointill/payout/signer/signertest"
)

func TestSeed(t *testing.T) {
	signertest.Run(t, func(t *testing.T) signertest.Subject {
		return signertest.Subject{Signer: toySeed(t, toy{}), Request: toyRequest("shop", 5), Other: toyRequest("shop", 6), Verify: verifyToy}
	})
}

func TestRemote(t *testing.T) {
	signertest.Run(t, func(t *testing.T) signertest.Subject {
		refused, later := toyRequest("thief", 5), toyRequest("shop", 5000)
		return signertest.Subject{
			Signer: remoteOf(t, handlerOf(t, nil)), Request: toyRequest("shop", 5), Other: toyRequest("shop", 6), Verify: verifyToy,
			Refused: &refused, Later: &later,
		}
	})
}
