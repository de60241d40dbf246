package main

// A fault is something that is wrong with a turnout that goes on relaying. Its name is a word of /readyz and a label of
// turnout_degraded: they change only by addition.
type fault uint8

const (
	faultStore fault = iota
	faultRevocations
	faultRevocationsOverflow
	faultKeys
	faultIssuerKeys
	faultCertificateExpired
	faultCertificateExpires
	faultCertificateUnusable
	faultReload
	faultLog

	numFaults
)

// faults holds a name and one sentence, for whoever reads /readyz, of each fault.
var faults = [numFaults]struct{ name, sentence string }{
	faultStore:               {"store", "The store cannot be reached or written: users cannot be created or revoked, and revocations made elsewhere are not known here."},
	faultRevocations:         {"revocations", "Revocations in the store are not followed, or one of them cannot be read: who has been revoked may not be known here."},
	faultRevocationsOverflow: {"revocations_overflow", "There are more revocations than can be told apart: credentials that nobody revoked are refused, too."},
	faultKeys:                {"keys", "The keys in the store are not those of the store that this process was started with, or cannot be read: rotations made elsewhere are not followed here."},
	faultIssuerKeys:          {"issuer_keys", "The keys of a token issuer cannot be fetched: its tokens are taken as long as the keys known before are its own."},
	faultCertificateExpired:  {"certificate_expired", "A certificate has expired: clients refuse TLS and DTLS connections."},
	faultCertificateExpires:  {"certificate_expires", "A certificate will expire soon and has not been renewed."},
	faultCertificateUnusable: {"certificate_unusable", "The files of a certificate were changed and cannot be used: the certificate before is shown until it expires."},
	faultReload:              {"reload", "The configuration was changed and cannot be used: turnout goes on with the one before."},
	faultLog:                 {"log", "The log cannot be written: its lines are lost."},
}

// String is the fault's name.
func (f fault) String() string { return faults[f].name }
