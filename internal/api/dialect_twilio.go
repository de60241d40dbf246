package api

import (
	"net/http"
	"strconv"
)

// Twilio's Network Traversal service.
var twilioRoutes = []route{
	{method: http.MethodPost, pattern: "/2010-04-01/Accounts/{sid}/Tokens.json", admits: bySelf,
		authenticate: twilioAccount, content: formContent, serve: twilioToken, fault: twilioFault, product: productCredential, dialect: dialectTwilio},
}

func twilioAccount(r *request) error {
	sid := r.match.places["sid"]
	want, known := r.service.Dialects.Twilio[sid]
	user, password, _ := r.BasicAuth()
	if !sameSecret(password, want) || !sameSecret(user, sid) || !known {
		return errDenied.with("WWW-Authenticate", `Basic realm="turnout"`)
	}
	return nil
}

// A twilioServer has one URL, under two names.
type twilioServer struct {
	URL        string `json:"url"`
	URLs       string `json:"urls"`
	Username   string `json:"username,omitempty"`
	Credential string `json:"credential,omitempty"`
}

// twilioDate is RFC 2822's, with the zone that Twilio writes.
const twilioDate = "Mon, 02 Jan 2006 15:04:05 +0000"

func twilioToken(r *request) (reply, error) {
	ttl, err := r.formTTL(r.form, "Ttl")
	if err != nil {
		return reply{}, err
	}
	c, err := r.credentialFor("", ttl)
	if err != nil {
		return reply{}, err
	}
	answer := struct {
		Username   string         `json:"username"`
		Password   string         `json:"password"`
		TTL        string         `json:"ttl"` // seconds, as text
		Account    string         `json:"account_sid"`
		Created    string         `json:"date_created"`
		Updated    string         `json:"date_updated"`
		ICEServers []twilioServer `json:"ice_servers"`
	}{
		c.Username, c.Password, strconv.FormatInt(secondsUntil(c.Expires, r.now), 10), r.match.places["sid"],
		r.now.UTC().Format(twilioDate), r.now.UTC().Format(twilioDate), nil,
	}
	for _, u := range r.service.stun {
		answer.ICEServers = append(answer.ICEServers, twilioServer{URL: u, URLs: u})
	}
	for _, u := range r.service.turn {
		answer.ICEServers = append(answer.ICEServers, twilioServer{u, u, c.Username, c.Password})
	}
	return reply{status: http.StatusCreated, body: answer}, nil
}

// twilioFault is an error as Twilio's libraries read it.
func twilioFault(f *failure) any {
	code := f.status
	if f.status == http.StatusUnauthorized {
		code = 20003 // what Twilio calls "Authenticate"
	}
	return struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
		Status  int    `json:"status"`
	}{code, f.message, f.status}
}
