// Package scrub keeps credentials out of error texts. Providers put keys into the user, the password, the path and the
// query of URLs, and nodes and gateways repeat them in their responses.
package scrub

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// Mask replaces a secret.
const Mask = "..."

const (
	maxText = 200 // bytes that are kept of a text
	// minKey is the least length of passwords and keys, and minPart that of all other parts of a URL, most of which
	// are words: shorter ones are not secret, and masking them would leave nothing of a text.
	minKey  = 3
	minPart = 6
)

// Secrets are texts that must not be revealed. The zero value has none. It is safe for concurrent use.
type Secrets struct {
	texts    []string // the longest first: one may be part of another
	replacer *strings.Replacer
}

// And returns the secrets with further keys.
func (s Secrets) And(keys ...string) Secrets { return of(s.texts, nil, keys) }

// Of returns the secrets in URLs, and keys from elsewhere.
func Of(urls []*url.URL, keys ...string) Secrets { return of(nil, urls, keys) }

func of(all []string, urls []*url.URL, keys []string) Secrets {
	all = slices.Clone(all)
	add := func(least int, secret string) {
		for _, s := range []string{secret, url.PathEscape(secret), url.QueryEscape(secret)} {
			if len(s) >= least && !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	for _, u := range urls {
		if u == nil {
			continue
		}
		password, _ := u.User.Password()
		add(minPart, u.User.Username())
		add(minKey, password)
		if u.User != nil {
			add(minKey, base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
		}
		for segment := range strings.SplitSeq(u.EscapedPath(), "/") {
			add(minPart, segment)
			if plain, err := url.PathUnescape(segment); err == nil {
				add(minPart, plain)
			}
		}
		for _, part := range strings.FieldsFunc(u.RawQuery, func(r rune) bool { return r == '&' || r == ';' }) {
			name, value, ok := strings.Cut(part, "=")
			if !ok {
				value = name // a query that is the key itself
			}
			add(minPart, value)
			if plain, err := url.QueryUnescape(value); err == nil {
				add(minPart, plain)
			}
		}
	}
	for _, key := range keys {
		add(minKey, key)
	}
	slices.SortStableFunc(all, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	pairs := make([]string, 0, 2*len(all))
	for _, s := range all {
		pairs = append(pairs, s, Mask)
	}
	return Secrets{all, strings.NewReplacer(pairs...)}
}

// ParseURL parses an absolute URL of one of the schemes. Its error does not repeat the URL, as that of [url.Parse] does.
func ParseURL(raw string, schemes ...string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || !slices.Contains(schemes, u.Scheme) {
		return nil, fmt.Errorf("must be an absolute URL with the scheme %s", strings.Join(schemes, " or "))
	}
	return u, nil
}

// Text returns a text without the secrets: valid UTF-8 of at most 200 bytes.
func (s Secrets) Text(text string) string {
	text = s.masked(text)
	if len(text) > maxText {
		end := maxText
		for end > 0 && !utf8.RuneStart(text[end]) {
			end--
		}
		text = text[:end]
	}
	return strings.ToValidUTF8(text, "")
}

func (s Secrets) masked(text string) string {
	if s.replacer == nil {
		return text
	}
	return s.replacer.Replace(text)
}

// Error returns an error whose text contains neither the secrets nor a URL. It wraps what err wraps.
func (s Secrets) Error(err error) error {
	if err == nil {
		return nil
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) { // its text contains the whole URL
		return s.Error(wrapped.Err)
	}
	text := err.Error()
	if masked := s.masked(text); masked != text {
		return &scrubbed{masked, err}
	}
	return err
}

type scrubbed struct {
	text string
	err  error
}

func (e *scrubbed) Error() string { return e.text }

func (e *scrubbed) Unwrap() error { return e.err }
