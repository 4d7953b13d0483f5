package store

import (
	"context"
	"fmt"
	"time"
)

// sealedReplies seals finished replies. An entry that is running holds nothing secret, and is compared byte for byte.
type sealedReplies struct {
	Replies
	box box
}

func ownerOfReply(scope, key string) string { return scope + "\x00reply\x00" + key }

// Begin implements [Replies].
func (s sealedReplies) Begin(ctx context.Context, scope, key string, running []byte, now, until time.Time) ([]byte, error) {
	held, err := s.Replies.Begin(ctx, scope, key, running, now, until)
	if err != nil || !isSealed(string(held)) {
		return held, err
	}
	opened, err := s.box.open(ownerOfReply(scope, key), string(held))
	if err != nil {
		return nil, fmt.Errorf("store: reply: %w", err)
	}
	return []byte(opened), nil
}

// Finish implements [Replies].
func (s sealedReplies) Finish(ctx context.Context, scope, key string, running, reply []byte, until time.Time) error {
	sealed, err := s.box.seal(ownerOfReply(scope, key), string(reply))
	if err != nil {
		return fmt.Errorf("store: reply: %w", err)
	}
	return s.Replies.Finish(ctx, scope, key, running, []byte(sealed), until)
}
