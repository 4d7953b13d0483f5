// Package listing is an index that finds any page of any listing in a time that hardly depends on which page it is, how it
// is sorted, and what selects it. A database stores the index as values, and needs to know nothing about them.
//
// Invoices are numbered roughly in the order of their creation. A segment is a range of 16384 numbers, and holds sets of
// rows: one for each project, status, asset and currency, and for each short piece of text one for each place within a
// text where the piece occurs. A query intersects and unites sets, and so knows how many invoices it selects. For each
// sort order, a segment has its rows in that order. To find a page, a query passes over whole blocks of all segments by
// their counts, and merges what is left.
//
// A segment is expensive to write, so it is not written with every change. Changes are stored beside it, in the same
// transaction, and every query reads them first: a page is never older than what was committed. From time to time changes
// are merged into their segments; see [Tidy]. A segment is then written again, under another number, so that what was read
// of one writing can be cached; see [Cache].
package listing
