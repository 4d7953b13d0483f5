package invoice

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strings"
	"time"
)

// Project is a tenant: a shop, or one of several shops of an owner. It owns invoices, an API key and the secrets that
// sign its webhooks.
type Project struct {
	ID          string `json:"id"`    // a UUID
	Owner       string `json:"owner"` // the account that the project belongs to
	Name        string `json:"name"`  // unique for the owner
	Description string `json:"description,omitempty"`
	KeyHash     string `json:"key_hash"` // HashKey of the API key; the key itself is not stored
	// FormerKeyHash is the hash of the previous API key, which remains valid until FormerKeyUntil; empty if there is
	// none. See [Projects.RotateKey].
	FormerKeyHash  string         `json:"former_key_hash,omitempty"`
	FormerKeyUntil time.Time      `json:"former_key_until,omitzero"`
	AllowedIPs     []netip.Prefix `json:"allowed_ips,omitempty"` // addresses that may use the key; empty: all
	Secrets        []Secret       `json:"secrets"`               // newest first; at least one
	// Keys holds, by name, the keys for APIs whose signatures are made with the key itself, where a hash would not do.
	// See [Projects.MakeKey].
	Keys map[string]Secret `json:"keys,omitempty"`
	// FormerKeys holds the previous Keys, by name; each is accepted until its Until.
	FormerKeys map[string]Secret `json:"former_keys,omitempty"`
	// Discounts holds, by asset code, the percentage that some APIs take off when an invoice is created in the asset; a
	// negative one is a surcharge. See [Projects.SetDiscount].
	Discounts map[string]int `json:"discounts,omitempty"`
	// Endpoints are told the events of all invoices of the project, oldest first. See [Projects.AddEndpoint].
	Endpoints []Endpoint `json:"endpoints,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	Version   int64      `json:"version"`
}

// Secret is a key that signs webhooks, in the form of Standard Webhooks: "whsec_" and 32 bytes in base64.
type Secret struct {
	Value string    `json:"value"`
	Until time.Time `json:"until,omitzero"` // when it stops signing; zero means never
}

// String returns "***", so that the secret does not appear in logs.
func (Secret) String() string { return "***" }

// GoString returns "***", so that the secret does not appear in logs.
func (s Secret) GoString() string { return s.String() }

// ActiveSecrets returns the secrets that sign at the given time, newest first.
func (p Project) ActiveSecrets(now time.Time) []string { return active(p.Secrets, now) }

// TakenKeys returns the keys of the name that are accepted at the given time, newest first.
func (p Project) TakenKeys(name string, now time.Time) []string {
	var out []string
	if key, has := p.Keys[name]; has {
		out = append(out, key.Value)
	}
	if key, has := p.FormerKeys[name]; has && now.Before(key.Until) {
		out = append(out, key.Value)
	}
	return out
}

// Allows reports whether the project's API key may be used from the address.
func (p Project) Allows(ip netip.Addr) bool {
	if len(p.AllowedIPs) == 0 {
		return true
	}
	ip = ip.Unmap().WithZone("")
	for _, prefix := range p.AllowedIPs {
		if prefix.Contains(ip) {
			return true
		}
	}
	return false
}

// OwnerHas reports whether the owner contains the text, ignoring the case of ASCII letters. It is for a [ProjectStore]
// that cannot filter in a database.
func (p Project) OwnerHas(text string) bool { return contains(p.Owner, text) }

// HashKey returns the hash under which an API key is stored. Keys are 256 random bits, so a plain hash cannot be
// searched, and looking one up by its hash leaks nothing through timing.
func HashKey(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// ParseAllowedIPs parses a comma-separated list of addresses and CIDR blocks, at most 100. It refuses with an
// [InvalidError] for AllowedIPs of a [NewProject], whose value is the entry that is wrong.
func ParseAllowedIPs(list string) ([]netip.Prefix, error) {
	const field = "AllowedIPs"
	if strings.TrimSpace(list) == "" {
		return nil, nil
	}
	items := strings.Split(list, ",")
	if len(items) > 100 {
		return nil, refuse(field, list, "has more than 100 entries")
	}
	var out []netip.Prefix
	for _, item := range items {
		item = strings.TrimSpace(item)
		if prefix, err := netip.ParsePrefix(item); err == nil {
			if prefix.Addr().Is4In6() {
				if prefix.Bits() < 96 {
					return nil, refuse(field, item, "has an IPv4-mapped block that is wider than all of IPv4")
				}
				prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96) // as client addresses are compared
			}
			out = append(out, prefix.Masked())
			continue
		}
		ip, err := netip.ParseAddr(item)
		if err != nil || ip.Zone() != "" {
			return nil, refuse(field, item, "has an entry that is neither an IP address nor a CIDR block")
		}
		ip = ip.Unmap()
		out = append(out, netip.PrefixFrom(ip, ip.BitLen()))
	}
	return out, nil
}
