// Package conformance holds what the RFCs ask of a server, clause by clause, with
// the evidence that turnout does it, and makes docs/conformance.md of that. It has
// no code of its own: it is tests, and the tables in clauses/ that people edit.
//
// A table is the clauses of one RFC, in its order. Its lines:
//
//	rfc 8656 Traversal Using Relays around NAT (TURN)
//
//	section 9 Permissions
//	read MUST 1, SHOULD 2
//	left SHOULD 2: what the client may do with its permissions
//	MUST: A permission lasts for 300 seconds.
//	  script 9-permission-lifetime 9-addresses-only
//	  test allocation.TestPermissionLifetime
//	  note It is counted from the last request.
//	rule: Whatever the RFC says without capitals.
//	  not met: the reason
//	SHOULD 2, MUST NOT: One sentence that answers three capitals.
//	  does not apply: the reason
//
// "read" is how often each of MUST, MUST NOT, SHALL, SHALL NOT, SHOULD, SHOULD NOT,
// REQUIRED, RECOMMENDED and NOT RECOMMENDED stands in the section's text. Every one
// of them is either a clause's or left out for the reason after "left", so the
// numbers add up, and a clause that was overlooked shows. Where the text of the RFCs
// is at hand the numbers are compared with it:
//
//	go test ./internal/conformance -run TestRead -rfc DIRECTORY
//
// A script is one of relay/testdata, by its name without .txt: of the table's RFC, or
// as rfc8489/NAME. A test is a package's path and a function, as internal/netio.TestX.
package conformance
