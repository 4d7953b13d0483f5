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

// ahead keeps the last runs of keys, since numbers are mostly asked for in order, though not quite by concurrent callers. When
// half of the newest run is used, the next one is derived beside the callers, on a goroutine that ends with it: then
// none of them waits for keys. The zero value has none.
type ahead struct {
	mu       sync.Mutex    // guards what follows
	runs     [3]run        // the newest is the last
	next     uint32        // follows the last number that was derived, or is being
	deriving chan struct{} // closed when the run that is being derived is there; nil if none is
}

// deriver derives the keys of n numbers from the first one on.
type deriver func(first uint32, n int) []*secp256k1.PublicKey

// key returns a key by its number. A number that is not near the one derived last gets no run.
func (a *ahead) key(index uint32, derive deriver) *secp256k1.PublicKey {
	for {
		a.mu.Lock()
		if key, has := a.known(index, derive); has {
			a.mu.Unlock()
			return key
		}
		near := index - a.next // huge if it is before
		switch wait := a.deriving; {
		case wait != nil && (near < runLength || a.next-index <= runLength):
			a.mu.Unlock()
			<-wait
		case wait == nil && near < runLength:
			a.begin(index)
			a.mu.Unlock()
			return a.finish(index, derive)
		default:
			if wait == nil {
				a.next = index + 1
			}
			a.mu.Unlock()
			return derive(index, 1)[0]
		}
	}
}

// known returns a key of one of the runs, and begins the next run in time. The caller holds mu.
func (a *ahead) known(index uint32, derive deriver) (key *secp256k1.PublicKey, has bool) {
	for i, r := range a.runs {
		if !r.has(index) {
			continue
		}
		newest := i == len(a.runs)-1
		if first := r.first + runLength; newest && a.deriving == nil && index-r.first >= runLength/2 && first > r.first && first == a.next {
			a.begin(first)
			go a.finish(first, derive)
		}
		return r.keys[index-r.first], true
	}
	return nil, false
}

// begin says that a run is being derived. The caller holds mu, and calls finish.
func (a *ahead) begin(first uint32) {
	a.deriving = make(chan struct{})
	a.next = first + runLength
}

// finish derives the run that was begun, and returns the first of its keys.
func (a *ahead) finish(first uint32, derive deriver) *secp256k1.PublicKey {
	keys := derive(first, runLength)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.runs[0], a.runs[1], a.runs[2] = a.runs[1], a.runs[2], run{first, keys}
	close(a.deriving)
	a.deriving = nil
	return keys[0]
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
