package known_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cointill/cointill/httpapi/internal/known"
	"github.com/cointill/cointill/invoice"
	"github.com/stretchr/testify/require"
)

func TestAProjectIsRememberedForASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p known.Projects
		_, ok := p.Get("key")
		require.False(t, ok)
		p.Keep("key", invoice.Project{ID: "shop"}, time.Now())
		time.Sleep(time.Second - time.Nanosecond)
		got, ok := p.Get("key")
		require.True(t, ok)
		require.Equal(t, "shop", got.ID)
		time.Sleep(time.Nanosecond)
		_, ok = p.Get("key")
		require.False(t, ok)
	})
}

func TestWhatWasReadBeforeAChangeIsNotRememberedAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p known.Projects
		p.Keep("key", invoice.Project{ID: "old"}, time.Now())
		read := time.Now()
		p.Forget("key")
		_, ok := p.Get("key")
		require.False(t, ok)
		p.Keep("key", invoice.Project{ID: "old"}, read)
		_, ok = p.Get("key")
		require.False(t, ok)
		time.Sleep(time.Nanosecond)
		p.Keep("key", invoice.Project{ID: "new"}, time.Now())
		_, ok = p.Get("key")
		require.True(t, ok)
	})
}

func TestNoMoreThanSoManyAreRemembered(t *testing.T) {
	var p known.Projects
	remembered := func() (n int) {
		for i := range 3000 {
			if _, ok := p.Get(fmt.Sprint(i)); ok {
				n++
			}
		}
		return n
	}
	for i := range 3000 {
		p.Keep(fmt.Sprint(i), invoice.Project{}, time.Now())
		if i%500 == 0 {
			require.LessOrEqual(t, remembered(), 1000)
		}
	}
}
