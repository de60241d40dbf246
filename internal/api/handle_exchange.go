package api

import "net/http"

// Exchanges of Microsoft's tokens for our own. This service trusts no token of
// Microsoft's, and says so in the way that the SDKs understand: not by a 5xx, which
// they would send again.
var exchangeRoutes = []route{
	{method: http.MethodPost, pattern: "/teamsUser/:exchangeAccessToken", admits: byKey, versions: identityVersions[1:],
		content: jsonContent, serve: exchangeTeamsToken},
	{method: http.MethodPost, pattern: "/access/entra/:exchangeAccessToken", versions: entraVersions, serve: exchangeEntraToken},
	{method: http.MethodPost, pattern: "/access/teamsExtension/:exchangeAccessToken", versions: entraVersions, serve: exchangeEntraToken},
}

var entraVersions = []string{"2025-03-02-preview", "2025-06-30"}

func exchangeTeamsToken(r *request) (reply, error) {
	for _, name := range []string{"token", "appId", "userId"} {
		if _, err := r.object.text(name); err != nil {
			return reply{}, err
		}
	}
	return reply{}, errAccessToken
}

func exchangeEntraToken(*request) (reply, error) { return reply{}, errAccessToken }
