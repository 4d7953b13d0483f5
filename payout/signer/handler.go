package signer

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strings"

	"github.com/cointill/cointill/payout"
	"github.com/cointill/cointill/payout/internal/remote"
)

// HandlerConfig configures [NewHandler]. Signer, Families and Policy are required, and one of the others.
type HandlerConfig struct {
	Signer   payout.Signer
	Families []Family
	Policy   Policy

	// Token is the bearer token of those who may ask; it has at least 32 bytes.
	Token string
	// ClientCertificates demands that the TLS server has verified a client certificate (tls.RequireAndVerifyClientCert).
	// With a Token as well, both are demanded.
	ClientCertificates bool

	Logger *slog.Logger // if nil, nothing is logged
}

// NewHandler returns the server side of [Remote]: it serves the protocol in the package's documentation, at whatever path
// it is mounted. It signs nothing that its families cannot read or its policy does not allow. The server around it should
// have timeouts. Secrets and unexpected errors are in no response.
func NewHandler(c HandlerConfig) (http.Handler, error) {
	guard, err := NewGuard(GuardConfig{Signer: c.Signer, Families: c.Families, Policy: c.Policy})
	if err != nil {
		return nil, fmt.Errorf("%w, through HandlerConfig", err)
	}
	switch {
	case c.Token == "" && !c.ClientCertificates:
		return nil, errors.New("signer: HandlerConfig needs a Token or ClientCertificates")
	case c.Token != "" && len(c.Token) < remote.MinToken:
		return nil, fmt.Errorf("signer: HandlerConfig.Token: must have at least %d bytes", remote.MinToken)
	}
	h := &handler{guard: guard, certificates: c.ClientCertificates, log: c.Logger}
	if c.Token != "" {
		sum := sha256.Sum256([]byte(c.Token))
		h.token = &sum
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	return h, nil
}

type handler struct {
	guard        *Guard
	token        *[sha256.Size]byte // hash of the bearer token; nil if none is demanded
	certificates bool
	log          *slog.Logger
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.known(r) {
		problem(w, http.StatusUnauthorized, "a valid token or client certificate is required")
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		problem(w, http.StatusMethodNotAllowed, "the method must be POST")
		return
	}
	q, status, err := requestOf(w, r)
	if err != nil {
		problem(w, status, err.Error())
		return
	}
	signed, err := h.guard.Sign(r.Context(), q)
	h.respond(w, q, signed, err)
}

// known reports whether the caller may ask.
func (h *handler) known(r *http.Request) bool {
	if h.certificates && (r.TLS == nil || len(r.TLS.VerifiedChains) == 0) {
		return false
	}
	if h.token == nil {
		return true
	}
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	sum := sha256.Sum256([]byte(given))
	return subtle.ConstantTimeCompare(sum[:], h.token[:]) == 1 && strings.EqualFold(scheme, "Bearer")
}

// requestOf reads a request, or returns the status to respond with.
func requestOf(w http.ResponseWriter, r *http.Request) (q payout.SignRequest, status int, err error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return q, http.StatusUnsupportedMediaType, errors.New("the Content-Type must be application/json")
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return q, http.StatusRequestEntityTooLarge, fmt.Errorf("the body is larger than %d bytes", MaxBody)
	}
	if err != nil {
		return q, http.StatusBadRequest, errors.New("the body cannot be read")
	}
	if json.Unmarshal(text, &q) != nil || q.Network == "" || len(q.Unsigned) == 0 {
		return q, http.StatusBadRequest, errors.New("the body is not a request to sign")
	}
	return q, 0, nil
}

// respond writes the response to a request that was read.
func (h *handler) respond(w http.ResponseWriter, q payout.SignRequest, signed []byte, err error) {
	log := h.log.With("network", remote.Plain(string(q.Network)), "transaction", remote.Plain(q.Transaction), "version", q.N, "digest", digest(q.Unsigned))
	var refused *payout.RefusedError
	var unknown *networkError
	switch {
	case err == nil:
		log.Info("a transaction is signed")
		say(w, http.StatusOK, wireSigned{signed})
	case errors.Is(err, payout.ErrLater):
		log.Info("a transaction is to be signed later")
		say(w, http.StatusAccepted, struct{}{})
	case errors.As(err, &refused):
		log.Warn("a transaction is refused", "reason", remote.Plain(refused.Error()))
		code := payout.RefusedPolicy
		if refused.Code == payout.RefusedInvalid {
			code = payout.RefusedInvalid
		}
		say(w, http.StatusForbidden, wireRefused{string(code), remote.Plain(refused.Reason), digest(q.Unsigned)})
	case errors.As(err, &unknown):
		problem(w, http.StatusUnprocessableEntity, "nothing is signed for this network")
	default:
		log.Error("signing failed", "error", err)
		problem(w, http.StatusInternalServerError, "signing failed")
	}
}

func problem(w http.ResponseWriter, status int, text string) { say(w, status, wireProblem{text}) }

func say(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client is gone
}
