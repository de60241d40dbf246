package config

// An API is the service over HTTP.
type API struct {
	// Where applications and users are served, as https://address:port. http is for loopback addresses, and for others with
	// insecure. If absent, there is no service; without any configuration it is http://127.0.0.1:8080. Needs a restart.
	Listen Endpoint `key:"listen" shape:"an https:// or http:// address:port"`

	// PEM file of the listener's certificate, followed by those that lead to its issuer; read again when it changes, as tls.cert.
	// If absent, the certificates of tls. Reloadable.
	Cert string `key:"cert" reload:"true" shape:"a file"`

	// PEM file of its key. Reloadable.
	Key string `key:"key" reload:"true" shape:"a file"`

	// Whether http may be served on other addresses than loopback: behind a reverse proxy on another host, in a network that
	// nobody else is in. Needs a restart.
	Insecure string `key:"insecure" default:"false" oneof:"true|false"`

	// Host names by which a listener on loopback is asked, besides localhost and its address: those of a reverse proxy before it,
	// which must pass the Host header on. Reloadable.
	Names []string `key:"names" reload:"true" default:"[]" shape:"a list of host names"`

	// Public address of the service, as https://turn.example.org. It is the issuer (iss) of user access tokens, so that a change
	// invalidates them. If absent, the issuer is urn:turnout: and the resource. Reloadable.
	URL string `key:"url" reload:"true" shape:"an https:// URL without a path"`

	// GUID in the ids of this service's users. If absent, one is made on the first start and kept in the store. Needs a restart.
	Resource string `key:"resource" shape:"a GUID in lower case"`

	// Access keys that applications sign their requests with, in base64. All are valid, so that they can be changed one after the
	// other. If absent, two are made on the first start and kept in the store. Reloadable.
	AccessKeys []Secret `key:"access-keys" reload:"true" default:"[]" shape:"a list of keys in base64" secret:"true"`

	// What new keys sign user access tokens with: EdDSA, or ES256 for other services whose JWT libraries are too old for that. Present
	// keys stay: turnout keys rotate token-keys makes a new one at once. Needs a restart.
	TokenAlgorithm string `key:"token-algorithm" default:"EdDSA" oneof:"EdDSA|ES256"`

	// URLs of the relay that clients are told. If absent, they are made of listen. Reloadable.
	Advertise []string `key:"advertise" reload:"true" default:"[]" shape:"a list of turn:, turns: and stun: URLs"`

	// Relay credentials.
	Credentials Credentials `key:"credentials"`

	// Scopes of which a user access token needs one for relay credentials. Reloadable.
	Scopes []string `key:"scopes" reload:"true" default:"[voip, voip.join]" shape:"a list of chat, voip, chat.join, chat.join.limited and voip.join"`

	// Origins of web pages that may ask for credentials with a user's token, as https://app.example.org, or * for every one.
	// Reloadable.
	CORS []string `key:"cors" reload:"true" default:"[]" shape:"a list of origins"`

	// Other services' ways to ask for credentials. Each is off until it is given keys.
	Dialects Dialects `key:"dialects"`

	// Other issuers whose access tokens are taken, such as an OpenID Connect provider. Reloadable.
	Issuers []Issuer `key:"issuers" reload:"true" default:"[]" shape:"a list of {issuer, audience, jwks, …}"`
}

// Credentials are those for the relay.
type Credentials struct {
	// How long credentials are valid where nothing else is asked for. SDKs of the Azure contract that ask for nothing get max-ttl.
	// Reloadable.
	TTL Duration `key:"ttl" reload:"true" default:"24h"`

	// The longest that they are valid, whatever is asked for. The relay refuses those that end later. Needs a restart.
	MaxTTL Duration `key:"max-ttl" default:"48h"`

	// What stands in a username, which TURN sends in clear: plain is the user's id, pseudonym a keyed hash of it. Needs a restart.
	Subject string `key:"subject" default:"plain" oneof:"plain|pseudonym"`
}

// Dialects are other services' ways to ask for credentials.
type Dialects struct {
	// GET /?service=turn&username=…&key=… (draft-uberti-behave-turn-rest-00).
	REST RESTDialect `key:"rest"`

	// POST /v1/turn/keys/{id}/credentials/generate-ice-servers, as Cloudflare's.
	Cloudflare CloudflareDialect `key:"cloudflare"`

	// POST /2010-04-01/Accounts/{sid}/Tokens.json, as Twilio's.
	Twilio TwilioDialect `key:"twilio"`

	// GET /_matrix/client/v3/voip/turnServer with a user access token: {} or true switches it on. Reloadable.
	Matrix Switch `key:"matrix" reload:"true" default:"false" shape:"{} or true, or false"`
}

// A RESTDialect is draft-uberti-behave-turn-rest-00.
type RESTDialect struct {
	// Keys that applications send. Reloadable.
	Keys []Secret `key:"keys" reload:"true" default:"[]" shape:"a list of strings" secret:"true"`
}

// A CloudflareDialect is that of Cloudflare's TURN service.
type CloudflareDialect struct {
	// Tokens by key id. Reloadable.
	Keys map[string]Secret `key:"keys" reload:"true" default:"{}" shape:"a map of key ids to tokens" secret:"true"`
}

// A TwilioDialect is that of Twilio's Network Traversal service.
type TwilioDialect struct {
	// Tokens by account SID. Reloadable.
	Accounts map[string]Secret `key:"accounts" reload:"true" default:"{}" shape:"a map of account SIDs to tokens" secret:"true"`
}

// An Issuer signs access tokens of users that are not this service's own.
type Issuer struct {
	// Exact iss of its tokens. Required.
	Issuer string `key:"issuer"`
	// What must stand in aud. Required: without it a token made for any other application would do.
	Audience string `key:"audience"`
	// URL of its JWK set. Required.
	JWKS string `key:"jwks"`
	// Claim that tells users apart. Default: sub.
	SubjectClaim string `key:"subject-claim"`
	// Stands before its users' names, with a colon. Default: the host of issuer.
	Prefix string `key:"prefix"`
	// Scopes of which a token needs one. If absent, any will do.
	Scopes []string `key:"scopes"`
	// Claim that holds scopes. Default: scope, or scp.
	ScopeClaim string `key:"scope-claim"`
	// Claim that the quota class comes from; a leading slash makes it a path, as /realm_access/roles.
	ClassClaim string `key:"class-claim"`
	// Values of class-claim and the classes they mean. If absent, a value is itself the class.
	Classes map[string]string `key:"classes"`
	// Claim that holds what a user may relay, a whole number of bits a second, in place of the bandwidth of quota.user or of the
	// class; a path as class-claim. Relays as old as turnout without this key do not know such credentials: update them first.
	BandwidthClaim string `key:"bandwidth-claim"`
	// The most that bandwidth-claim can give, in bits a second. If zero, there is no bound.
	MaxBandwidth int `key:"max-bandwidth" min:"0" max:"1000000000000"`
	// How old its tokens may be. Default: 24h.
	MaxAge Duration `key:"max-age"`
}

// A NATS is where the store of a fleet is.
type NATS struct {
	// nats://host:port or tls://host:port, several separated by commas. If absent, the store is a file in store.path. Needs a restart.
	URL SecretURL `key:"url" shape:"a nats:// or tls:// URL" secret:"true"`

	// File with a NATS user's JWT and key. Needs a restart.
	Credentials string `key:"credentials" shape:"a path"`

	// Begins the names of the buckets. Needs a restart.
	Bucket string `key:"bucket" default:"turnout"`

	// On how many servers of a cluster new buckets are kept. Needs a restart.
	Replicas int `key:"replicas" default:"1" min:"1" max:"5"`
}
