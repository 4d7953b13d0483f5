package invoice_test

import (
	"errors"
	"fmt"

	"github.com/cointill/cointill/invoice"
)

// A caller branches on the field of its own struct that was refused, and can show what it was.
func ExampleInvalidError() {
	in := invoice.NewProject{Owner: "me", Name: "shop", AllowedIPs: "192.0.2.1, 10.0.0"}
	_, err := invoice.ParseAllowedIPs(in.AllowedIPs)
	bad, ok := errors.AsType[*invoice.InvalidError](err)
	if ok && bad.Field == "AllowedIPs" {
		fmt.Println("Please correct", bad.Value)
	}
	fmt.Println(err)
	// Output:
	// Please correct 10.0.0
	// AllowedIPs "10.0.0" has an entry that is neither an IP address nor a CIDR block
}
