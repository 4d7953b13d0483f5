package gateway

import "testing"

func FuzzState(f *testing.F) {
	f.Add([]byte(`{"id":"a","outcome":"paid","fee":"1","units":"2","why":"x"}`))
	f.Add([]byte(`{"id":"a","outcome":"returned"}`))
	g, err := New(Config{Network: "custody:main", Account: "a", URL: "https://custodian.example/"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := g.state("a", text)
		if err != nil {
			return
		}
		if s.ID != "a" || s.Fee.Int != nil && (s.Fee.Sign() < 0 || s.Fee.BitLen() > 300) {
			t.Fatalf("%+v", s)
		}
	})
}
