package kvtest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/cointill/cointill/store/internal/callers"
	"github.com/cointill/cointill/store/kv"
)

var sharedCases = []testCase{
	{"no update is lost", "the result of all updates is as if they had run one after the other", lostUpdates},
	{"what was read stays so", "what f reads must not be changed by another update before this one is stored: snapshots alone are not enough", writeSkew},
	{"what was not there stays so", "what f reads must not be changed by another update before this one is stored, nor may something come that it has looked for", phantoms},
	{"a view is of one state", "View runs f on one state of the database, which does not change meanwhile", oneState},
	{"a view sees what was stored before", "View has everything of each Update that returned nil before", seesWhatWasStored},
}

// together runs f n times concurrently.
func together(t *testing.T, n int, f func(i int) error) {
	t.Helper()
	if err := errors.Join(callers.Together(n, f)...); err != nil {
		t.Fatal(err)
	}
}

// pause lets others run between what a transaction reads and what it does next.
func pause() { time.Sleep(200 * time.Microsecond) }

func number(tx kv.Tx, key string) (int, error) {
	text, err := read(tx, key)
	if err != nil || text == "none" {
		return 0, err
	}
	return strconv.Atoi(text)
}

func write(tx kv.Tx, key string, n int) error { return tx.Put([]byte(key), []byte(strconv.Itoa(n))) }

func lostUpdates(t *testing.T, db kv.DB) {
	const callers, each = 8, 25
	together(t, callers, func(int) error {
		for range each {
			err := db.Update(t.Context(), func(tx kv.Tx) error {
				n, err := number(tx, "n")
				if err != nil {
					return err
				}
				pause()
				return write(tx, "n", n+1)
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	want(t, db, "n", strconv.Itoa(callers*each))
}

// writeSkew lets all callers read all seats and take one of them, of which only one may be taken.
func writeSkew(t *testing.T, db kv.DB) {
	const callers, rounds = 4, 25
	for round := range rounds {
		seat := func(i int) string { return fmt.Sprintf("seat %d %d", round, i) }
		together(t, callers, func(i int) error {
			return db.Update(t.Context(), func(tx kv.Tx) error {
				for k := range callers {
					if taken, err := number(tx, seat(k)); err != nil || taken > 0 {
						return err
					}
				}
				pause()
				return write(tx, seat(i), 1)
			})
		})
		takenOnce(t, db, fmt.Sprintf("seat %d ", round))
	}
}

func phantoms(t *testing.T, db kv.DB) {
	const callers, rounds = 4, 25
	for round := range rounds {
		seats := fmt.Sprintf("seat %d ", round)
		together(t, callers, func(i int) error {
			return db.Update(t.Context(), func(tx kv.Tx) error {
				if taken, err := all(tx, seats, seats+"\xff"); err != nil || len(taken) > 0 {
					return err
				}
				pause()
				return write(tx, seats+strconv.Itoa(i), 1)
			})
		})
		takenOnce(t, db, seats)
	}
}

func takenOnce(t *testing.T, db kv.DB, seats string) {
	t.Helper()
	var taken []string
	err := db.View(t.Context(), func(tx kv.Tx) (err error) {
		taken, err = all(tx, seats, seats+"\xff")
		return err
	})
	if err != nil || len(taken) != 1 {
		t.Fatalf("got %q, error %v; want one that is taken", taken, err)
	}
}

func oneState(t *testing.T, db kv.DB) {
	const steps = 60
	put(t, db, "a", "0", "b", "0")
	both := func(n int) error {
		return db.Update(t.Context(), func(tx kv.Tx) error { return errors.Join(write(tx, "a", n), write(tx, "b", n)) })
	}
	// An update comes between two reads, unless the database has it wait for the view: one each time that the view runs.
	var updates sync.WaitGroup
	err := db.View(t.Context(), func(tx kv.Tx) error {
		a, err := number(tx, "a")
		if err != nil {
			return err
		}
		updated := make(chan struct{})
		updates.Go(func() {
			defer close(updated)
			if err := both(a + 1); err != nil {
				t.Errorf("Update: %v", err)
			}
		})
		select {
		case <-updated:
		case <-time.After(200 * time.Millisecond):
		}
		b, err := number(tx, "b")
		if err == nil && a != b {
			err = fmt.Errorf("one view has a=%d of one update and b=%d of another", a, b)
		}
		return err
	})
	updates.Wait()
	if err != nil {
		t.Error(err)
	}
	together(t, 4, func(i int) error {
		for n := range steps {
			if i == 0 {
				if err := both(n); err != nil {
					return err
				}
				continue
			}
			err := db.View(t.Context(), func(tx kv.Tx) error {
				a, err := number(tx, "a")
				if err != nil {
					return err
				}
				pause()
				b, err := number(tx, "b")
				if err == nil && a != b {
					err = fmt.Errorf("one view has a=%d of one update and b=%d of another", a, b)
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func seesWhatWasStored(t *testing.T, db kv.DB) {
	together(t, 4, func(i int) error {
		key := strconv.Itoa(i)
		for n := range 30 {
			if err := db.Update(t.Context(), func(tx kv.Tx) error { return write(tx, key, n) }); err != nil {
				return err
			}
			err := db.View(t.Context(), func(tx kv.Tx) error {
				got, err := number(tx, key)
				if err == nil && got != n {
					err = fmt.Errorf("got %d after %d was stored", got, n)
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}
