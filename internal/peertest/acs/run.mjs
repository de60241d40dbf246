// Uses the Azure Communication Services SDKs as they are: users, tokens, relay
// configurations, revocation, and what they make of errors. Prints what it saw as JSON.
//
// node run.mjs CONNECTION_STRING
import { AzureCommunicationTokenCredential } from "@azure/communication-common";
import { CommunicationIdentityClient } from "@azure/communication-identity";
import { CommunicationRelayClient } from "@azure/communication-network-traversal";
import { createPublicKey, verify } from "node:crypto";

const connection = process.argv[2];
const endpoint = connection.match(/endpoint=(.*?);/i)[1];
const identities = new CommunicationIdentityClient(connection);
const relays = new CommunicationRelayClient(connection);
const seen = {};

// fault runs what must fail and says what the SDK made of the answer.
async function fault(what) {
  try {
    await what();
    return { name: "none" };
  } catch (e) {
    return { name: e.name, status: e.statusCode, code: e.code, message: e.message };
  }
}

const user = await identities.createUser();
seen.user = user.communicationUserId;
const both = await identities.createUserAndToken(["voip", "chat"], { tokenExpiresInMinutes: 60 });
seen.other = both.user.communicationUserId;
seen.minutes = Math.round((both.expiresOn - Date.now()) / 60000);
const issued = await identities.getToken(user, ["voip"]);
seen.hours = Math.round((issued.expiresOn - Date.now()) / 3600000);
const credential = new AzureCommunicationTokenCredential(issued.token);
const held = await credential.getToken();
seen.sameExpiry = held.expiresOnTimestamp === issued.expiresOn.getTime();

// Any other service verifies the token by what the service publishes; here, one that has nothing but Node's own crypto.
async function verified(token) {
  const { issuer, jwks_uri } = await (await fetch(`${endpoint.replace(/\/$/, "")}/.well-known/openid-configuration`)).json();
  const { keys } = await (await fetch(jwks_uri)).json();
  const [header, claims, signature] = token.split(".");
  const { alg, kid } = JSON.parse(Buffer.from(header, "base64url"));
  const key = createPublicKey({ key: keys.find((k) => k.kid === kid), format: "jwk" });
  const signed = Buffer.from(`${header}.${claims}`), given = Buffer.from(signature, "base64url");
  const right = alg === "EdDSA" ? verify(null, signed, key, given) : verify("sha256", signed, { key, dsaEncoding: "ieee-p1363" }, given);
  return right && JSON.parse(Buffer.from(claims, "base64url")).iss === issuer ? alg : `not right: ${alg}`;
}
seen.algorithm = await verified(issued.token);

seen.relay = await relays.getRelayConfiguration({ id: user.communicationUserId, routeType: "any", ttl: 3600 });
seen.anonymous = await relays.getRelayConfiguration();
// A browser has the user's token and no access key.
const own = new CommunicationRelayClient(endpoint, credential);
seen.own = await own.getRelayConfiguration();

seen.faults = {
  minutes: await fault(() => identities.getToken(user, ["voip"], { tokenExpiresInMinutes: 59 })),
  scopes: await fault(() => identities.getToken(user, [])),
  foreign: await fault(() => identities.getToken({ communicationUserId: "8:acs:00000000-0000-0000-0000-000000000000_00000000-0000-0000-0000-000000000000" }, ["voip"])),
  teams: await fault(() => identities.getTokenForTeamsUser({ teamsUserAadToken: "a", clientId: "b", userObjectId: "c" })),
  others: await fault(() => own.getRelayConfiguration({ id: both.user.communicationUserId })),
  key: await fault(() => new CommunicationIdentityClient(endpoint, { key: "AAAA" }).createUser()),
};

await identities.revokeTokens(user);
seen.faults.revoked = await fault(() => own.getRelayConfiguration());
const again = await identities.getToken(user, ["voip"]);
seen.afterRevocation = await new CommunicationRelayClient(endpoint, new AzureCommunicationTokenCredential(again.token)).getRelayConfiguration();
await identities.deleteUser(both.user);
seen.faults.deleted = await fault(() => identities.getToken(both.user, ["voip"]));
console.log(JSON.stringify(seen));
