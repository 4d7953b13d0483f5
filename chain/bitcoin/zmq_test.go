package bitcoin

import (
	"context"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// publisher stands for a node's ZMQ socket, as ZMTP 3.0 describes it. There was no real one to try.
type publisher struct {
	net.Listener
	conns chan net.Conn
}

// newPublisher starts one that greets with some bytes, and hands out the connections whose handshake is over.
func newPublisher(t *testing.T, greeting []byte) *publisher {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &publisher{l, make(chan net.Conn, 10)}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write(greeting)
			ask := make([]byte, zmqGreetingSize+2+25+3)
			if _, err := io.ReadFull(conn, ask); err != nil {
				_ = conn.Close()
				continue
			}
			p.conns <- conn
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return p
}

func honestGreeting() []byte {
	hello := make([]byte, zmqGreetingSize)
	copy(hello, zmqSignature+"\x03\x01NULL")
	ready := "\x05READY\x0bSocket-Type\x00\x00\x00\x03PUB"
	return append(append(hello, zmqCommand, byte(len(ready))), ready...)
}

func (p *publisher) announced(t *testing.T) *Announced {
	t.Helper()
	a, err := WithZMQ(testNode(t, Bitcoin()), "tcp://"+p.Addr().String())
	require.NoError(t, err)
	t.Cleanup(a.Close)
	return a
}

// announcement is a message of Core: topic, hash, counter.
func announcement() []byte {
	return slices.Concat([]byte{zmqMore, 9}, []byte("hashblock"), []byte{zmqMore | zmqLong, 0, 0, 0, 0, 0, 0, 0, 32}, make([]byte, 32),
		[]byte{0, 4, 1, 0, 0, 0})
}

// quiet checks that nothing is announced.
func quiet(t *testing.T, a *Announced) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, a.Wait(ctx), context.DeadlineExceeded)
}

func TestWait_ReturnsOnAnnouncements(t *testing.T) {
	p := newPublisher(t, honestGreeting())
	a := p.announced(t)
	require.NoError(t, a.Wait(t.Context()), "what was before the connection may have been missed")
	conn := <-p.conns
	defer conn.Close()
	quiet(t, a)
	for range 3 {
		_, err := conn.Write(announcement())
		require.NoError(t, err)
		require.NoError(t, a.Wait(t.Context()))
		quiet(t, a) // and the connection is still the same
	}
	require.Empty(t, p.conns)
}

func TestWait_ConnectsAgain(t *testing.T) {
	p := newPublisher(t, honestGreeting())
	a := p.announced(t)
	require.NoError(t, a.Wait(t.Context()))
	require.NoError(t, (<-p.conns).Close())
	require.Error(t, a.Wait(t.Context()))
	require.NoError(t, a.Wait(t.Context()))
	require.NoError(t, (<-p.conns).Close())
}

func TestWait_RefusesWhatIsNoPublisher(t *testing.T) {
	old, curve, sub := honestGreeting(), honestGreeting(), honestGreeting()
	old[10] = 2
	copy(curve[12:], "CURVE")
	sub[zmqGreetingSize] = 0
	huge := slices.Concat(honestGreeting()[:zmqGreetingSize], []byte{zmqCommand | zmqLong, 0xff, 0, 0, 0, 0, 0, 0, 0})
	web := slices.Concat([]byte("HTTP/1.1 400 Bad Request\r\n"), make([]byte, 60))
	for _, greeting := range [][]byte{old, curve, sub, huge, web} {
		err := newPublisher(t, greeting).announced(t).Wait(t.Context())
		require.Error(t, err)
		require.ErrorContains(t, err, "Bitcoin")
	}
	_, err := WithZMQ(testNode(t, Bitcoin()), "ipc:///tmp/x")
	require.Error(t, err)
}

func TestWait_EndsWithItsContextInTheMiddleOfAHandshake(t *testing.T) {
	a := newPublisher(t, honestGreeting()[:20]).announced(t)
	quiet(t, a)
	quiet(t, a)
}
