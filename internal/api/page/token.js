// The user token comes in the address's fragment, which browsers send to nobody.

// takeToken reads the token out of the address and takes it away from there, so that
// it stands neither in the history nor in a screenshot. It gives "" where there is none.
export function takeToken() {
	const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
	if (token) history.replaceState(null, "", location.pathname + location.search);
	return token.trim();
}
