// Package staff is a sign-in for the operator's desk of a shop that has none: members with roles, passwords with a second
// factor, sessions, invitations, and an audit log, on the records of any store.
//
//	people, err := staff.New(staff.Config{
//		Records: sealed.Records(db.Records()),
//		URL:     "https://shop.example/staff/",
//		Home:    "/desk/",
//	})
//	mux.Handle("/staff/", http.StripPrefix("/staff", people))
//
// Its method Authenticate is the hook of the desk: it says who has sent a request. The desk leads people to the pages
// people.Prove("") and people.SignOut(). There is no page to sign up. The first
// administrator is made by the program, once, and gets a link to choose a password with:
//
//	invitation, err := people.Add(ctx, staff.Member{ID: "ann", Role: desk.RoleAdministrator})
//	if errors.Is(err, staff.ErrExists) { ... } // made before
//
// Administrators invite everybody else on the page members. The pages need JavaScript for passkeys alone.
//
// # What it withstands
//
// Passwords are hashed with Argon2id, a few at once, so that many sign-ins cannot take the memory of the host. The answer to
// an unknown name is the same, and takes the same work. Attempts are slowed down by name and by address (IPv6 by /64), twice as
// much each time, up to a quarter of an hour; a browser on which the member was signed in before is counted apart, so that
// nobody else can lock the member out of it. What is counted is kept in the memory of each process, and lost at its end.
//
// A session is a random token in a cookie that scripts, other sites and subdomains cannot read or set; its hash is stored. It
// ends when it is not used, after some hours in any case, and at once when the password, the role, the projects or the second
// factor of the member changes. Every sign-in and every proof gives a new token. Codes count once each, in all processes.
// Requests from other sites that would change something are refused.
//
// What only one of several writers may do is decided by the version of one document, and nothing needs two documents to change
// together: after a crash at any moment a member is as before or as after. What an administrator does to a member is in the
// audit log before it is done, and again with what became of it. What members do to their own account is in it once it is done.
//
// # What it does not do
//
// It sends no e-mail: links are handed over by people. It deletes no member: ids stay in the audit log. It is no identity
// provider; a shop that has one needs only a hook of its own.
package staff
