package httpapi

import (
	"bytes"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
)

// Text is a response that is not JSON, such as a table. As Route.Answer, of a GET without alternatives, only its Type is
// used.
type Text struct {
	Type string // Content-Type, such as "text/csv; charset=utf-8"
	// Write writes the body, which may be of any size. An error before the first 64 KiB is a refusal like any other. After
	// that the connection is cut, so that no client takes a part for the whole.
	Write func(io.Writer) error
}

// content returns the response of success in the document.
func (t Text) content() content {
	media, _, err := mime.ParseMediaType(t.Type)
	if err != nil {
		media = t.Type
	}
	return content{media: {Schema: &schema{Type: typeNames{"string"}}}}
}

// textStart is how much of a text is held back, so that an early error can still be a response.
const textStart = 64 << 10

// textWriter sends what is written, from the moment on when it is more than textStart.
type textWriter struct {
	r      *Request
	status int
	typ    string
	held   bytes.Buffer
	sent   bool
}

// Write implements [io.Writer].
func (w *textWriter) Write(p []byte) (int, error) {
	if !w.sent && w.held.Len()+len(p) <= textStart {
		return w.held.Write(p)
	}
	if err := w.start(); err != nil {
		return 0, err
	}
	if w.r.Method == http.MethodHead {
		return len(p), nil
	}
	return w.r.w.Write(p)
}

// start sends the header and what was held back.
func (w *textWriter) start() error {
	if w.sent {
		return nil
	}
	w.sent, w.r.status = true, w.status
	w.r.w.Header().Set("Content-Type", w.typ)
	w.r.w.WriteHeader(w.status)
	if w.r.Method == http.MethodHead {
		return nil
	}
	_, err := w.r.w.Write(w.held.Bytes())
	return err
}

// writeText sends a text. It returns an error only if nothing has been sent.
func (a *API) writeText(r *Request, status int, t Text) error {
	out := &textWriter{r: r, status: status, typ: t.Type}
	err := t.Write(out)
	switch {
	case err != nil && !out.sent:
		return err
	case err != nil:
		if r.Context().Err() == nil {
			a.cfg.Logger.LogAttrs(r.Context(), slog.LevelError, "response is cut short", slog.String("request", r.ID),
				slog.String("operation", r.operation()), slog.Any("error", err))
		}
		panic(http.ErrAbortHandler) //nolint:forbidigo // how net/http is told to drop the connection
	case !out.sent:
		r.w.Header().Set("Content-Length", strconv.Itoa(out.held.Len()))
	}
	_ = out.start() // fails only when the client is gone
	return nil
}
