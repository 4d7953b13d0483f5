package store

import (
	"iter"
	"slices"
)

// ordered keeps values in order, each once. The values are in pieces short enough to be shifted, so that adding one to
// a hundred thousand costs little more than adding one to ten.
type ordered[T any] struct {
	compare func(a, b T) int
	pieces  [][]T // none is empty
}

// longest is the length at which a piece is split.
const longest = 256

// find returns where the value is, or where it would be inserted, and reports whether it is there.
func (o *ordered[T]) find(v T) (piece, at int, found bool) {
	piece, _ = slices.BinarySearchFunc(o.pieces, v, func(p []T, v T) int { return o.compare(p[len(p)-1], v) })
	if piece == len(o.pieces) {
		return piece, 0, false
	}
	at, found = slices.BinarySearchFunc(o.pieces[piece], v, o.compare)
	return piece, at, found
}

// add inserts the value, unless it is there.
func (o *ordered[T]) add(v T) {
	piece, at, found := o.find(v)
	switch {
	case found:
		return
	case len(o.pieces) == 0:
		o.pieces = [][]T{{v}}
		return
	case piece == len(o.pieces): // behind the last one
		piece--
		at = len(o.pieces[piece])
	}
	grown := slices.Insert(o.pieces[piece], at, v)
	o.pieces[piece] = grown
	if half := len(grown) / 2; len(grown) >= longest {
		o.pieces[piece] = grown[:half:half]
		o.pieces = slices.Insert(o.pieces, piece+1, slices.Clone(grown[half:]))
	}
}

// remove deletes the value, if it is there.
func (o *ordered[T]) remove(v T) {
	piece, at, found := o.find(v)
	if !found {
		return
	}
	if o.pieces[piece] = slices.Delete(o.pieces[piece], at, at+1); len(o.pieces[piece]) == 0 {
		o.pieces = slices.Delete(o.pieces, piece, piece+1)
	}
}

// from yields the values from v on, in order.
func (o *ordered[T]) from(v T) iter.Seq[T] {
	return func(yield func(T) bool) {
		piece, at, _ := o.find(v)
		for ; piece < len(o.pieces); piece, at = piece+1, 0 {
			for _, found := range o.pieces[piece][at:] {
				if !yield(found) {
					return
				}
			}
		}
	}
}

// before yields the values that are less than v, in reverse order.
func (o *ordered[T]) before(v T) iter.Seq[T] {
	return func(yield func(T) bool) {
		piece, at, _ := o.find(v)
		for {
			for at--; at >= 0; at-- {
				if !yield(o.pieces[piece][at]) {
					return
				}
			}
			if piece--; piece < 0 {
				return
			}
			at = len(o.pieces[piece])
		}
	}
}
