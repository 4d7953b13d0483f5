package payout

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// madeAt returns a signed version that was made some time after noon.
func madeAt(txID string, fee int64, after time.Duration) Version {
	v := signedVersion(txID, fee)
	v.At = noon.Add(after)
	return v
}

// Which version was sent is stored. Clocks of several machines differ, and go back.
func TestDecide_WhetherAVersionWasSentIsNoQuestionOfClocks(t *testing.T) {
	for name, c := range map[string]struct {
		made   time.Duration // when the second version was made; the first one was sent at noon
		sent   int           // as it is stored
		sentAt time.Duration // when anything was sent last
		look   *Look
		after  time.Duration
		act    act
	}{
		"made when the one before it was sent":                       {sent: 1, look: seen(pooled, nowhere), act: actSend},
		"made by a clock that went back":                             {made: -time.Hour, sent: 1, look: seen(pooled, nowhere), act: actSend},
		"made by a clock that is ahead":                              {made: time.Hour, sent: 1, look: seen(pooled, nowhere), act: actSend},
		"sent, and not again at once":                                {made: time.Hour, sent: 2, look: seen(nowhere, nowhere)},
		"sent, and forgotten":                                        {made: time.Hour, sent: 2, look: seen(nowhere, nowhere), after: time.Minute, act: actSend},
		"sent by a clock that is a day ahead, and forgotten":         {sent: 2, sentAt: 24 * time.Hour, look: seen(nowhere, nowhere), after: time.Second, act: actSend},
		"sent before its clock says that it was made, and not mined": {made: time.Second, sent: 2, look: seen(nowhere, pooled), after: time.Hour, act: actReplace},
		"sent, which was not stored, and not mined":                  {made: time.Second, sent: 1, look: seen(nowhere, pooled), after: time.Hour, act: actReplace},
	} {
		t.Run(name, func(t *testing.T) {
			tx := oneTransaction(StageSigned, signedVersion("a", 5), madeAt("b", 10, c.made))
			tx.Sent, tx.SentAt = c.sent, noon.Add(c.sentAt)
			f := later(tx, nil, c.look)
			f.now = noon.Add(c.after)
			d := decide(f)
			assert.Equal(t, c.act, d.act)
			assert.Equal(t, 1, d.send)
		})
	}
}

// What was stored before it said which version was sent says it by times, as far as they differ.
func TestTheNewestVersionThatWasSent(t *testing.T) {
	unsigned := madeAt("", 20, 0)
	unsigned.Raw = nil
	for name, c := range map[string]struct {
		versions []Version
		sent     int
		at       time.Time
		want     int
	}{
		"none":                                   {versions: []Version{madeAt("a", 5, 0)}, want: -1},
		"it is stored":                           {versions: []Version{madeAt("a", 5, 0), madeAt("b", 10, 0)}, sent: 1, at: noon, want: 0},
		"the newest is stored":                   {versions: []Version{madeAt("a", 5, 0), madeAt("b", 10, time.Hour)}, sent: 2, at: noon, want: 1},
		"before: the only one":                   {versions: []Version{madeAt("a", 5, 0)}, at: noon, want: 0},
		"before: the only one, clocks differ":    {versions: []Version{madeAt("a", 5, time.Hour)}, at: noon, want: 0},
		"before: made later":                     {versions: []Version{madeAt("a", 5, 0), madeAt("b", 10, time.Second)}, at: noon, want: 0},
		"before: made earlier":                   {versions: []Version{madeAt("a", 5, 0), madeAt("b", 10, -time.Second)}, at: noon, want: 1},
		"before: made then, or sent at once":     {versions: []Version{madeAt("a", 5, 0), madeAt("b", 10, 0)}, at: noon, want: 1},
		"before: what is not signed is not sent": {versions: []Version{madeAt("a", 5, 0), unsigned}, at: noon, want: 0},
		"before: all made later":                 {versions: []Version{madeAt("a", 5, time.Hour), madeAt("b", 10, time.Hour)}, at: noon, want: 0},
	} {
		t.Run(name, func(t *testing.T) {
			tx := oneTransaction(StageSigned, c.versions...)
			tx.Sent, tx.SentAt = c.sent, c.at
			assert.Equal(t, c.want, tx.newestSent())
			text, err := json.Marshal(tx)
			require.NoError(t, err)
			var again Transaction
			require.NoError(t, json.Unmarshal(text, &again))
			assert.Equal(t, c.want, again.newestSent())
		})
	}
}
