package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cointill/cointill/invoice"
	"github.com/cointill/cointill/rates"
)

// Replies keeps an entry for each Idempotency-Key (draft-ietf-httpapi-idempotency-key-header). The entry states that the
// request is running, or holds the response. This package defines the contents; a store keeps the bytes as they are.
// Entries hold whole responses, and so also what only the client should see, such as the key of a project that it
// created: keep them as secret as those.
//
// Every process that serves the same projects must use the same entries: those of Store.Replies of store/postgres, or of
// store/sqlite for one process. Both keep them through a restart; [NewReplies] does not. Package httpapitest proves an
// implementation.
//
// The methods may block until ctx ends, and may be called concurrently, also for the same key. A scope and a key
// together name an entry; both are printable ASCII, and a key has 1 to 255 characters. The methods copy what they keep
// of a slice.
//
// A scope is one operation of one API for one client. Each scope has room for a fixed number of entries, 10,000 unless
// configured otherwise. No entry is dropped before its time: a key that is forgotten too early could create something
// twice. A full scope refuses new keys instead, and no other scope notices. Calls that begin at the same moment in a
// scope that is nearly full may exceed the number by as many as they are.
type Replies interface {
	// Begin stores the entry running until the given time and returns nil. If there is an entry whose time is after
	// now, Begin changes nothing and returns that entry, also when the scope is full. Of concurrent calls for one key,
	// exactly one returns nil. An error may leave the entry stored or not, except that an [invoice.ErrBusy] and a
	// refusal for want of room leave none. An error with a method
	//
	//	RepliesFull() time.Time
	//
	// such as [RepliesFullError], refuses because the scope is full, and returns when the first of its entries ends. The
	// dialect reports any other error as a failure. In either case the request is not served.
	Begin(ctx context.Context, scope, key string, running []byte, now, until time.Time) (held []byte, err error)
	// Finish replaces the entry running with reply, byte for byte, until the given time. It does nothing if there is no
	// entry or another one. After it has returned nil, no process finds the request running, also after a restart. It
	// is idempotent.
	Finish(ctx context.Context, scope, key string, running, reply []byte, until time.Time) error
	// Abandon removes the entry running. It does nothing if there is no entry or another one. It is idempotent.
	Abandon(ctx context.Context, scope, key string, running []byte) error
}

// Reasons not to serve a request with an Idempotency-Key. A Fault finds an [Error] in each as well, with the status and
// the text for the client.
var (
	ErrReplyRunning = errors.New("the first request with the key is running")     // 409, with Retry-After
	ErrReplyOther   = errors.New("the key was used for another request")          // 422
	ErrRepliesFull  = errors.New("the client has used too many keys for a while") // 429, with Retry-After
)

// RepliesFullError refuses a key because its scope is full. It is an [ErrRepliesFull].
type RepliesFullError struct {
	Room time.Time // when the first entry of the scope ends
}

func (e *RepliesFullError) Error() string {
	return fmt.Sprintf("%v: the first ends at %s", ErrRepliesFull, e.Room.UTC().Format(time.RFC3339))
}

// Is reports whether target is [ErrRepliesFull].
func (e *RepliesFullError) Is(target error) bool { return target == ErrRepliesFull }

// RepliesFull returns when the first entry of the scope ends.
func (e *RepliesFullError) RepliesFull() time.Time { return e.Room }

const (
	replyKept = 24 * time.Hour
	// The client does not end a handler that runs for a key, because it may be gone when the work is done; replyRun does.
	// A key is free again after replyLease, because the process that ran the handler must have died.
	replyRun   = time.Minute
	replyLease = 5 * time.Minute
	replyStore = 5 * time.Second // for Finish and Abandon
)

// reply is the contents of an entry. Without a status the request is running.
type reply struct {
	Print  string `json:"print"` // of the request
	Run    string `json:"run"`   // id of the request that was served, so that only this request ends it
	Status int    `json:"status,omitempty"`
	Body   []byte `json:"body,omitempty"`
}

// claim is a request's hold on its key.
type claim struct {
	scope, key string
	reply
	running []byte
}

// encoded is the body of a response as it is sent.
type encoded []byte

// claim parses the header and returns the claim of the request. It returns nil for a request without the header.
func (a *API) claim(r *Request) (*claim, error) {
	sent := r.Header.Values("Idempotency-Key")
	if len(sent) == 0 || !r.op.repeatable || r.Project.ID == "" && r.Account == "" {
		return nil, nil
	}
	key, ok := replyKey(sent[0])
	if !ok || len(sent) > 1 {
		return nil, &Error{http.StatusBadRequest, "The header Idempotency-Key must be one string of 1 to 255 visible ASCII characters."}
	}
	body, err := r.Raw()
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	h.Write(fmt.Appendf(nil, "%q %q %q ", r.Method, r.URL.EscapedPath(), r.URL.RawQuery))
	h.Write(body)
	c := &claim{
		// Operations of two versions of a dialect may have the same name and different responses.
		scope: fmt.Sprintf("%+q %+q %+q %+q", a.cfg.Title, a.cfg.Version, a.client(r), r.op.OperationID),
		key:   key, reply: reply{Print: hex.EncodeToString(h.Sum(nil)), Run: r.ID},
	}
	c.running, err = json.Marshal(c.reply)
	return c, err
}

// replyKey parses a string of RFC 8941, or one without the quotes.
func replyKey(text string) (string, bool) {
	if inner, quoted := strings.CutPrefix(text, `"`); quoted {
		var ok bool
		if text, ok = unquote(inner); !ok {
			return "", false
		}
	}
	odd := func(r rune) bool { return r <= ' ' || r > '~' }
	return text, text != "" && len(text) <= 255 && !strings.ContainsFunc(text, odd)
}

// unquote parses what follows the first quote of a string, up to the last.
func unquote(text string) (string, bool) {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '"':
			return out.String(), i == len(text)-1
		case c == '\\':
			if i++; i == len(text) || text[i] != '"' && text[i] != '\\' {
				return "", false
			}
			out.WriteByte(text[i])
		default:
			out.WriteByte(c)
		}
	}
	return "", false
}

// once returns the response of the handler, or the response to the first request with the same key.
func (a *API) once(r *Request) (status int, body any, err error) {
	c, err := a.claim(r)
	if err != nil {
		return 0, nil, err
	}
	if c == nil {
		body, err = r.op.Handler(r)
		return r.op.Status, body, err
	}
	now := a.cfg.Now()
	held, err := a.cfg.Replies.Begin(r.Context(), c.scope, c.key, c.running, now, now.Add(replyLease))
	full, isFull := errors.AsType[interface {
		error
		RepliesFull() time.Time
	}](err)
	switch {
	case isFull:
		return 0, nil, r.full(full.RepliesFull().Sub(now))
	case errors.Is(err, invoice.ErrBusy): // nothing is stored, and removing it would wait again
		return 0, nil, fmt.Errorf("httpapi: begin request with key: %w", err)
	case err != nil: // the entry may be stored nevertheless
		a.end(r, c, nil)
		return 0, nil, fmt.Errorf("httpapi: begin request with key: %w", err)
	case held == nil:
		return a.run(r, c)
	}
	return r.replay(c, held)
}

// replay returns the response that is held for the key.
func (r *Request) replay(c *claim, held []byte) (int, any, error) {
	var first reply
	if err := json.Unmarshal(held, &first); err != nil {
		return 0, nil, fmt.Errorf("httpapi: read reply: %w", err)
	}
	switch {
	case first.Print != c.Print:
		refused := &Error{http.StatusUnprocessableEntity, "The Idempotency-Key was used for another request."}
		return 0, nil, fmt.Errorf("%w: %w", ErrReplyOther, refused)
	case first.Status == 0:
		return 0, nil, r.later(ErrReplyRunning, http.StatusConflict, "The first request with this Idempotency-Key is still running.")
	}
	r.w.Header().Set("Idempotent-Replayed", "true")
	return first.Status, encoded(first.Body), nil
}

// later refuses a request that may be repeated in a moment.
func (r *Request) later(why error, status int, message string) error {
	r.w.Header().Set("Retry-After", "1")
	return fmt.Errorf("%w: %w", why, &Error{status, message})
}

// full refuses a new key until the first entry of its scope ends.
func (r *Request) full(wait time.Duration) error {
	err := r.later(ErrRepliesFull, http.StatusTooManyRequests, "Too many Idempotency-Keys are in use. Please wait, or send fewer requests with one.")
	seconds := max(1, int64((wait+time.Second-1)/time.Second))
	r.w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	return err
}

// run calls the handler and stores its response before it is sent: the client may be gone, and ask again. In no case,
// not even after a panic, does the key stay claimed.
func (a *API) run(r *Request, c *claim) (status int, body any, err error) {
	base := context.WithoutCancel(r.Context())
	ctx, cancel := context.WithTimeout(base, replyRun)
	r.Request = r.WithContext(ctx)
	var answer *reply // nil if there is none to keep
	defer func() {
		cancel()
		r.Request = r.WithContext(base)
		a.end(r, c, answer)
	}()
	status = r.op.Status
	if body, err = r.op.Handler(r); err != nil {
		if status, body = a.cfg.Fault(err); !keeps(err, status) {
			return 0, nil, err
		}
	}
	var raw bytes.Buffer
	if err := encode(&raw, body); err != nil {
		return 0, nil, err
	}
	answer = &reply{Print: c.Print, Run: c.Run, Status: status, Body: raw.Bytes()}
	return status, encoded(answer.Body), nil
}

// keeps reports whether the same request would be refused in the same way for as long as the key is kept. A refusal of
// a request that was not processed at all is not kept, so that the request can be corrected; nor is a refusal that is
// temporary.
func keeps(err error, status int) bool {
	if status >= 500 || status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusTooManyRequests {
		return false
	}
	if says, ok := errors.AsType[interface {
		error
		Kept() bool
	}](err); ok {
		return says.Kept()
	}
	_, refused := errors.AsType[*Error](err)
	_, field := errors.AsType[*FieldError](err)
	_, invalid := errors.AsType[*invoice.InvalidError](err)
	for _, passing := range []error{
		rates.ErrNoRate, invoice.ErrConflict, invoice.ErrNoAddress, invoice.ErrTooManyNew, invoice.ErrBusy, context.Canceled, context.DeadlineExceeded,
	} {
		refused = refused || errors.Is(err, passing)
	}
	return !refused && !field && !invalid
}

// end finishes a claim, or abandons it if there is no response to keep. A failure is logged and not returned: the
// request has been processed, and its key is free again after replyLease.
func (a *API) end(r *Request, c *claim, answer *reply) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), replyStore)
	defer cancel()
	var err error
	if answer == nil {
		err = a.cfg.Replies.Abandon(ctx, c.scope, c.key, c.running)
	} else {
		var entry []byte
		if entry, err = json.Marshal(answer); err == nil {
			err = a.cfg.Replies.Finish(ctx, c.scope, c.key, c.running, entry, a.cfg.Now().Add(replyKept))
		}
	}
	if err != nil {
		a.cfg.Logger.LogAttrs(ctx, slog.LevelError, "reply is not kept", slog.String("request", r.ID),
			slog.String("operation", r.operation()), slog.Any("error", err))
	}
}
