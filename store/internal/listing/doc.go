// Package listing is an index from which any page of any listing is found in a time that hardly depends on which
// page it is, how it is sorted, or what selects it. A database keeps it as values, and needs to know nothing of them.
//
// Invoices have numbers, about in the order of their creation. A segment is a range of 16384 of them, and has sets of
// rows: one for each project, status, asset and currency, and for each piece of text one for each place in a text
// at which it is. A query intersects and joins sets, and so knows how many invoices it selects. For each way of sorting,
// a segment has its rows in that order. A page is found by passing over whole blocks of all segments by their counts,
// and merging what is left.
//
// A segment costs much to write, so it is not written with every change. What has changed since is kept beside it, in
// the transaction of the change, and every query looks at that first: an answer is never older than what was committed.
// Now and then changes are merged into their segments; see [Tidy]. A segment is then written anew, under another number,
// so that what was read of a writing can be kept; see [Cache].
package listing
