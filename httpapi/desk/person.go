package desk

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Role is what a person may do. Each role may do all that those before it may.
type Role string

// The roles, from the one that may do least.
const (
	RoleViewer        Role = "viewer"        // reads invoices, payments and webhooks, and no keys, extended public ones included
	RoleCashier       Role = "cashier"       // also makes and cancels invoices, and never moves money out
	RoleOperator      Role = "operator"      // also accepts, completes and reopens invoices, sends webhooks again, and requests payouts and refunds
	RoleApprover      Role = "approver"      // also approves, cancels and replaces payouts, and brings signed transactions
	RoleAdministrator Role = "administrator" // also manages projects, keys, limits and members
)

// roles lists the roles in their order.
var roles = []Role{RoleViewer, RoleCashier, RoleOperator, RoleApprover, RoleAdministrator}

// Known reports whether r is one of the roles.
func (r Role) Known() bool { return slices.Contains(roles, r) }

// May reports whether a person of the role r may do what least may. An unknown role may do nothing.
func (r Role) May(least Role) bool {
	return r.Known() && least.Known() && slices.Index(roles, r) >= slices.Index(roles, least)
}

// Person is who uses the desk, as the host or a [sign-in] has established.
//
// [sign-in]: https://pkg.go.dev/github.com/cointill/cointill/httpapi/desk/staff
type Person struct {
	ID       string   // unique among all who may use the desk; it goes into the audit log and the history of invoices
	Name     string   // shown; default ID
	Role     Role     // required
	Projects []string // ids of the projects that the person sees; empty: all
	// Proved is when the person last proved who they are, by a password with a second factor or a passkey. Acts that move
	// money out demand that it is not older than Config.Fresh.
	Proved time.Time
}

// Sees reports whether the person may see the project.
func (p Person) Sees(project string) bool {
	return len(p.Projects) == 0 || slices.Contains(p.Projects, project)
}

// check returns an error that describes what is wrong with a person that a host has established.
func (p Person) check() error {
	switch {
	case p.ID == "" || len(p.ID) > 190 || !clean(p.ID):
		return errors.New("ID must be a text of 1 to 190 bytes")
	case len(p.Name) > 255 || !clean(p.Name):
		return errors.New("Name must be a text of at most 255 bytes")
	case !p.Role.Known():
		return fmt.Errorf("role %q is unknown", p.Role)
	}
	return nil
}
