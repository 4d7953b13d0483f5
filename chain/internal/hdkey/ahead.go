package hdkey

import (
	"sync"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// runLength is how many keys are derived at once, which takes half a millisecond.
const runLength = 32

// run is the keys of consecutive numbers, nil for a number that has none.
type run struct {
	first uint32
	keys  []*secp256k1.PublicKey
}

func (r run) has(index uint32) bool { return index >= r.first && index-r.first < uint32(len(r.keys)) }

// ahead keeps the last runs of keys, since numbers are mostly asked for in order, though not quite by concurrent callers. The
// zero value has none.
type ahead struct {
	mu   sync.Mutex // guards what follows; held while a run is derived, which all who wait for it need
	runs [2]run
	next uint32 // follows the last number that was derived
}

// key returns a key by its number, derived by derive, which is called with the first number and the count of a run. A
// number that is not near the one derived last gets no run.
func (a *ahead) key(index uint32, derive func(first uint32, n int) []*secp256k1.PublicKey) *secp256k1.PublicKey {
	a.mu.Lock()
	for _, r := range a.runs {
		if r.has(index) {
			a.mu.Unlock()
			return r.keys[index-r.first]
		}
	}
	inOrder := index >= a.next && index-a.next < runLength
	if !inOrder {
		a.next = index + 1
		a.mu.Unlock()
		return derive(index, 1)[0]
	}
	defer a.mu.Unlock()
	a.runs[0], a.runs[1] = a.runs[1], run{index, derive(index, runLength)}
	a.next = index + runLength
	return a.runs[1].keys[0]
}

// deriveRun returns the keys of n numbers, of which those that no public child has are nil. It inverts one number of the field
// for all of them, and so takes three quarters of the time.
func (p *Parent) deriveRun(first uint32, n int) []*secp256k1.PublicKey {
	points := make([]secp256k1.JacobianPoint, n)
	for i := range points {
		if index := first + uint32(i); index >= first && index < hardened {
			points[i], _ = p.child(index)
		}
	}
	return affine(points)
}

// affine returns the keys at the points, nil for the point at infinity. It multiplies all Z, inverts the product, and takes
// one factor after the other out of it again.
func affine(points []secp256k1.JacobianPoint) []*secp256k1.PublicKey {
	before := make([]secp256k1.FieldVal, len(points)) // the product of all Z before this one
	var product secp256k1.FieldVal
	product.SetInt(1)
	for i := range points {
		before[i] = product
		if z := &points[i].Z; !z.IsZero() {
			product.Mul(z)
		}
	}
	product.Inverse()
	keys := make([]*secp256k1.PublicKey, len(points))
	for i := len(points) - 1; i >= 0; i-- {
		point := &points[i]
		if point.Z.IsZero() {
			continue
		}
		var inverse, square, x, y secp256k1.FieldVal
		inverse.Mul2(&product, &before[i])
		product.Mul(&point.Z)
		square.SquareVal(&inverse)
		x.Mul2(&point.X, &square).Normalize()
		y.Mul2(&point.Y, square.Mul(&inverse)).Normalize()
		keys[i] = secp256k1.NewPublicKey(&x, &y)
	}
	return keys
}
