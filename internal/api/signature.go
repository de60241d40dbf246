package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	signatureScheme = "HMAC-SHA256"
	// maxSkew is how far the date of a signed request may be from now. There is no
	// memory of requests seen: the date counts seconds, so that two requests of one
	// second may be the same, and SDKs send a request that failed again as it was.
	maxSkew    = 5 * time.Minute
	maxHeaders = 16 // that a signature covers
	dateHeader = "x-ms-date"
	hashHeader = "x-ms-content-sha256"
)

// verifySignature checks what an access key has signed: method, target and host as
// they were sent, and the headers that the signature names, in its order. The body
// is bound by its hash, which is compared when the body has been read: nobody
// without a key has it read.
func (s *Service) verifySignature(r *http.Request, parameters string, now time.Time) error {
	names, given, err := parseSignature(parameters)
	if err != nil {
		return errDenied
	}
	values := make([]string, len(names))
	var date string
	for i, name := range names {
		switch all := r.Header.Values(name); {
		case strings.EqualFold(name, "host"):
			values[i] = r.Host
		case len(all) != 1:
			return errDenied
		default:
			values[i] = all[0]
		}
		if strings.EqualFold(name, dateHeader) || date == "" && strings.EqualFold(name, "date") {
			date = values[i]
		}
	}
	for _, required := range []string{"host", hashHeader} {
		if !slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, required) }) {
			return errDenied
		}
	}
	text := r.Method + "\n" + r.RequestURI + "\n" + strings.Join(values, ";")
	fits := 0
	for _, key := range *s.keys.Load() { // all of them, so that time tells nothing
		fits |= subtle.ConstantTimeCompare(sign(key, text), given)
	}
	if fits != 1 {
		return errDenied
	}
	at, err := http.ParseTime(date)
	if err != nil || at.Sub(now).Abs() > maxSkew {
		return errDate
	}
	return nil
}

// parseSignature reads `SignedHeaders=a;b;c&Signature=<base64>`.
func parseSignature(parameters string) (names []string, signature []byte, err error) {
	for p := range strings.SplitSeq(parameters, "&") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		switch {
		case strings.EqualFold(name, "SignedHeaders") && names == nil:
			names = strings.SplitN(value, ";", maxHeaders+1)
		case strings.EqualFold(name, "Signature") && signature == nil:
			if signature, err = base64.StdEncoding.DecodeString(value); err != nil {
				return nil, nil, errDenied
			}
		default:
			return nil, nil, errDenied
		}
	}
	if len(names) == 0 || len(names) > maxHeaders || len(signature) != sha256.Size {
		return nil, nil, errDenied
	}
	return names, signature, nil
}

func sign(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// contentHash is what stands in x-ms-content-sha256 for a body.
func contentHash(body []byte) string {
	sum := sha256.Sum256(body)
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Sign signs a request that is about to be sent, as the SDKs do. body is its body.
func Sign(r *http.Request, body, key []byte, now time.Time) {
	date := now.UTC().Format(http.TimeFormat)
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	hash := contentHash(body)
	text := r.Method + "\n" + r.URL.RequestURI() + "\n" + date + ";" + host + ";" + hash
	r.Header.Set(dateHeader, date)
	r.Header.Set(hashHeader, hash)
	r.Header.Set("Authorization", signatureScheme+" SignedHeaders="+dateHeader+";host;"+hashHeader+
		"&Signature="+base64.StdEncoding.EncodeToString(sign(key, text)))
}
