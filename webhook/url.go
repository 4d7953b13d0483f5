package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// maxURL is the maximum length of a callback URL, in bytes.
const maxURL = 2048

// shards is the maximum number of endpoints of a project at one host. Without it, URLs with an order in their path would
// make an endpoint each, and claims go from one endpoint to the next.
const shards = 64

// longest is the maximum length of an endpoint, in bytes, because databases index it.
const longest = 500

// Endpoint returns what deliveries are isolated by: the project, the scheme, host and port of the callback URL in one
// spelling, and a number from 0 to 63 that its path decides, such as "p1/https://shop.example:443/17". It begins with
// [EndpointPrefix]. An endpoint that would have more than 500 bytes ends with a hash instead. No endpoint delays another.
func Endpoint(project, raw string) (string, error) { return endpointOf(project, "", raw) }

// endpointOf returns what deliveries are isolated by. Each endpoint of a project is one of its own, even where several
// have the same host: there are few of them, and they do not delay each other or callbacks. receiver is its ID, and
// empty for callbacks.
func endpointOf(project, receiver, raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", errors.New("webhook: endpoint: not a URL") // the error of net/url would repeat it
	}
	port, err := portOf(u)
	if err != nil {
		return "", fmt.Errorf("webhook: endpoint: URL %w", err)
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if host == "" {
		return "", errors.New("webhook: endpoint: URL has no host")
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.Unmap().String()
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	sum := fnv.New32a()
	_, _ = io.WriteString(sum, u.EscapedPath()) // never fails
	name := fmt.Sprintf("%s%s://%s:%d/%d", EndpointPrefix(project), u.Scheme, host, port, sum.Sum32()%shards)
	if receiver != "" {
		name += "/" + receiver
	}
	if len(name) > longest {
		name = strings.ToValidUTF8(name[:longest/2], "") + "/" + hashOf(name)
	}
	return name, nil
}

// EndpointPrefix returns the text that all endpoints of a project begin with, and those of no other: its id, escaped,
// and a slash. One that would have more than 250 bytes is made of a hash instead.
func EndpointPrefix(project string) string {
	name := url.PathEscape(project)
	if len(name) >= longest/2 {
		name = "%%" + hashOf(project) // which no escaped text has
	}
	return name + "/"
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// CheckURL returns an error if raw cannot or must not be a callback URL. It checks the text alone and resolves no names, so
// that a shop learns of a mistake early; the client of [NewClient] is the protection.
//
// A URL must be absolute, use http or https, have at most 2048 bytes, no user information and no fragment, and go to
// port 80, 443, or 1024 and above. Its host must be an ASCII name (internationalized names in their xn-- form) or an IP
// address in the usual notation, but not localhost nor an address that [NewClient] refuses.
//
// CheckURL fits [invoice.Config.CheckCallback]: the text of an error follows the name of a field, as in "must be an
// absolute http or https URL", and never contains the URL.
func CheckURL(raw string) error { return checkURL(raw, false) }

// CheckPrivateURL is like [CheckURL], but accepts localhost and private addresses as well, for shops in the same network.
// The client must be allowed to connect to them; see [ClientConfig].
func CheckPrivateURL(raw string) error { return checkURL(raw, true) }

func checkURL(raw string, allowPrivate bool) error {
	if len(raw) > maxURL {
		return fmt.Errorf("must have at most %d characters", maxURL)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return errors.New("must be a URL")
	}
	switch {
	case u.User != nil:
		return errors.New("must not carry a user name or password")
	case u.Fragment != "" || strings.Contains(raw, "#"):
		return errors.New("must not have a fragment")
	}
	port, err := portOf(u)
	if err != nil {
		return err
	}
	if !portAllowed(port) {
		return errors.New("must go to port 80, 443, or 1024 and above")
	}
	return checkHost(u.Hostname(), allowPrivate)
}

// portOf returns the port of a URL. The texts of its errors follow the name of a field.
func portOf(u *url.URL) (uint16, error) {
	standard := map[string]uint16{"http": 80, "https": 443}[u.Scheme]
	if standard == 0 {
		return 0, errors.New("must be an absolute http or https URL")
	}
	if u.Port() == "" {
		return standard, nil
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil || port == 0 {
		return 0, errors.New("must have a port from 1 to 65535")
	}
	return uint16(port), nil
}

// portAllowed reports whether callbacks may go to the port. Mail, shells and other services below 1024 are out of reach.
func portAllowed(port uint16) bool { return port == 80 || port == 443 || port >= 1024 }

func checkHost(host string, allowPrivate bool) error {
	host = strings.ToLower(host)
	if ip, err := netip.ParseAddr(host); err == nil {
		switch {
		case ip.Zone() != "":
			return errors.New("must not have an address with a zone")
		case !allowPrivate && !publicAddr(ip):
			return errors.New("must not point to a private or reserved address")
		}
		return nil
	}
	name := strings.TrimSuffix(host, ".")
	if !validName(name) {
		return errors.New("must have a host name of ASCII letters, digits, dots and hyphens")
	}
	labels := strings.Split(name, ".")
	last := labels[len(labels)-1]
	if isNumber(last) { // 127.1, 2130706433, 0x7f.1: system resolvers take them for addresses
		return errors.New("must have an IP address in the usual notation")
	}
	if last == "localhost" && !allowPrivate {
		return errors.New("must not point to localhost")
	}
	return nil
}

// validName reports whether name is a host name. It accepts underscores, which occur in private networks.
func validName(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// isNumber reports whether the last label of a host is a number, as in the URL standard's "ends in a number" check.
func isNumber(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}
