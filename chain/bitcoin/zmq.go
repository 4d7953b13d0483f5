package bitcoin

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/cointill/cointill/chain"
)

const (
	zmqHandshake = 10 * time.Second
	maxZMQFrame  = 64 << 20 // bytes; raw blocks may be announced
	zmqMaxReady  = 200      // bytes of the message by which the publisher is ready
)

// The flags of a frame, and the greeting, of ZMTP 3.0 (https://rfc.zeromq.org/spec/23/).
const (
	zmqMore    = 1
	zmqLong    = 2
	zmqCommand = 4

	zmqGreetingSize = 64
	zmqSignature    = "\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f"
	zmqVersion      = "\x03\x00"
	zmqMechanism    = "NULL"
)

// Announced is a [Node] whose node announces blocks and transactions over ZMQ (the options zmqpubhashblock,
// zmqpubhashtx, and all others that begin with zmqpub). It implements [chain.Hinter]. The content of announcements is
// not used, since it is not authenticated: an announcement is only a reason to ask.
type Announced struct {
	*Node
	address string
	turn    chan struct{} // held while the fields below are used
	conn    net.Conn      // nil when there is none
	in      *bufio.Reader
}

var _ chain.Hinter = (*Announced)(nil)

// WithZMQ adds to a node the address at which it announces, host and port, as "127.0.0.1:28332" or with "tcp://"
// before it. It opens no connection: Wait does, and Close closes it.
func WithZMQ(n *Node, address string) (*Announced, error) {
	address = strings.TrimPrefix(address, "tcp://")
	if _, _, err := net.SplitHostPort(address); err != nil || strings.Contains(address, "/") {
		return nil, errors.New("bitcoin: WithZMQ: address must be host and port")
	}
	return &Announced{Node: n, address: address, turn: make(chan struct{}, 1)}, nil
}

// Wait implements [chain.Hinter]. A new connection counts as news, since something may have been missed before it. All
// announcements that are already there count as one.
func (a *Announced) Wait(ctx context.Context) error {
	select {
	case a.turn <- struct{}{}:
		defer func() { <-a.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	err := a.wait(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("bitcoin: wait for announcements of %s: %w", a.params.Name, err)
	}
	return nil
}

// Close closes the connection, if there is one. It waits for a call of Wait that is at work. The next Wait opens
// another.
func (a *Announced) Close() {
	a.turn <- struct{}{}
	a.hangUp()
	<-a.turn
}

func (a *Announced) hangUp() {
	if a.conn != nil {
		_ = a.conn.Close() // nothing was written that could be lost
		a.conn, a.in = nil, nil
	}
}

func (a *Announced) wait(ctx context.Context) error {
	if a.conn == nil {
		return a.connect(ctx)
	}
	defer interruptible(ctx, a.conn)()
	// A message that has begun must be read completely. Between messages the connection can wait for the next call.
	if _, err := a.in.Peek(1); err != nil {
		if ctx.Err() == nil {
			a.hangUp()
		}
		return err
	}
	for a.in.Buffered() > 0 {
		for more := true; more; {
			flags, err := a.frame(maxZMQFrame, io.Discard)
			if err != nil {
				a.hangUp()
				return err
			}
			more = flags&zmqMore != 0
		}
	}
	return nil
}

// interruptible makes reading and writing fail when ctx ends, until the returned function is called.
func interruptible(ctx context.Context, conn net.Conn) (done func()) {
	var over sync.WaitGroup
	over.Add(1)
	stop := context.AfterFunc(ctx, func() {
		defer over.Done()
		_ = conn.SetDeadline(time.Unix(1, 0))
	})
	return func() {
		if stop() {
			over.Done()
		}
		over.Wait()
		_ = conn.SetDeadline(time.Time{}) // for the next call; a closed connection is not affected
	}
}

// connect opens a connection, agrees on the protocol and subscribes to everything.
func (a *Announced) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, zmqHandshake)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", a.address)
	if err != nil {
		return err
	}
	a.conn, a.in = conn, bufio.NewReaderSize(conn, 64<<10)
	defer interruptible(ctx, conn)()
	if err := a.greet(); err != nil {
		a.hangUp()
		return err
	}
	return nil
}

func (a *Announced) greet() error {
	var hello [zmqGreetingSize]byte
	copy(hello[:], zmqSignature+zmqVersion+zmqMechanism)
	ready := "\x05READY\x0bSocket-Type\x00\x00\x00\x03SUB"
	subscribe := "\x01" // and then the prefix of the topics: none
	out := append(hello[:], zmqCommand, byte(len(ready)))
	out = append(append(out, ready...), 0, byte(len(subscribe)))
	if _, err := a.conn.Write(append(out, subscribe...)); err != nil {
		return err
	}
	var theirs [zmqGreetingSize]byte
	if _, err := io.ReadFull(a.in, theirs[:]); err != nil {
		return err
	}
	if theirs[0] != zmqSignature[0] || theirs[9] != zmqSignature[9] || theirs[10] < zmqVersion[0] ||
		strings.TrimRight(string(theirs[12:32]), "\x00") != zmqMechanism {
		return errors.New("no unauthenticated ZMTP 3 at that address")
	}
	var command strings.Builder
	if flags, err := a.frame(zmqMaxReady, &command); err != nil {
		return err
	} else if flags&zmqCommand == 0 || !strings.HasPrefix(command.String(), ready[:6]) {
		return errors.New("publisher is not ready")
	}
	return nil
}

// frame reads one frame of at most so many bytes.
func (a *Announced) frame(most uint64, to io.Writer) (flags byte, err error) {
	if flags, err = a.in.ReadByte(); err != nil {
		return 0, err
	}
	var size [8]byte
	short := size[7:]
	if flags&zmqLong != 0 {
		short = size[:]
	}
	if _, err := io.ReadFull(a.in, short); err != nil {
		return 0, err
	}
	n := binary.BigEndian.Uint64(size[:])
	if n > most {
		return 0, ErrResponseTooLarge
	}
	_, err = io.CopyN(to, a.in, int64(n))
	return flags, err
}
