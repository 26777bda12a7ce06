package identity

import "bytes"

// ofFamily says whether a normal name is one of the family. The products that send, or trust, each are in docs/identity.md.
func ofFamily(name []byte) bool {
	switch string(name) {
	case
		// oauth2-proxy and its predecessors, OpenShift's oauth-proxy, traefik-forward-auth
		"x-forwarded-user", "x-forwarded-email", "x-forwarded-groups", "x-forwarded-preferred-username", "x-forwarded-access-token",
		"x-forwarded-id-token", "x-forwarded-name", "x-forwarded-uid", "x-forwarded-roles", "x-forwarded-group",
		// client certificates: Envoy, Traefik, RFC 9440, IIS
		"x-forwarded-client-cert", "x-forwarded-tls-client-cert", "x-forwarded-tls-client-cert-info", "client-cert", "client-cert-chain",
		"x-client-cert", "x-arr-clientcert",
		// Louketo (Keycloak Gatekeeper); X-Auth-Token, X-Auth-User and X-Auth-Key are also what callers of OpenStack send
		"x-auth-user", "x-auth-username", "x-auth-userid", "x-auth-email", "x-auth-groups", "x-auth-roles", "x-auth-subject", "x-auth-name",
		// Kubernetes' authenticating proxy, and programs that copied it
		"x-remote-user", "x-remote-group", "x-remote-groups", "x-remote-uid", "x-remote-email", "x-remote-name",
		// Kong and APISIX
		"x-credential-identifier", "x-credential-username", "x-anonymous-consumer", "x-userinfo",
		// Google's gateways, WSO2
		"x-endpoint-api-userinfo", "x-apigateway-api-userinfo", "x-jwt-assertion",
		// Cloudflare Access, Teleport, caddy-security
		"cf-access-authenticated-user-email", "cf-access-jwt-assertion", "teleport-jwt-assertion", "x-token-subject":
		return true
	}
	if len(name) < 3 {
		return false
	}
	switch name[0] {
	case 'g':
		return has(name, "gap-") // oauth2-proxy: Gap-Auth, Gap-Signature, Gap-Upstream-Address
	case 'i':
		return has(name, "impersonate-") || has(name, "iv-") // Kubernetes; IBM WebSEAL
	case 'm':
		return has(name, "mellon-") // mod_auth_mellon
	case 'o':
		return has(name, "oidc-") || has(name, "oam-") // mod_auth_openidc; Oracle Access Manager
	case 'r':
		return has(name, "remote-") // Authelia, and what CGI calls the user
	case 's':
		return has(name, "shib-") || has(name, "sm-user") || has(name, "ssl-client-") // Shibboleth, SiteMinder, mod_ssl
	case 't':
		return has(name, "tailscale-user-") || has(name, "tailscale-app-capabilities")
	case 'x':
		return has(name, "x-auth-request-") || // oauth2-proxy with nginx
			has(name, "x-authentik-") || has(name, "x-vouch-") || has(name, "x-pomerium-") || has(name, "x-webauth-") || // ... Grafana
			has(name, "x-remote-extra-") || has(name, "x-authenticated-") || has(name, "x-consumer-") || // Kubernetes, Kong
			has(name, "x-token-user-") || // caddy-security
			has(name, "x-goog-authenticated-user-") || has(name, "x-goog-iap-") || has(name, "x-amzn-oidc-") ||
			has(name, "x-ms-client-principal") || has(name, "x-ms-token-") || has(name, "x-ssl-client-")
	}
	return false
}

func has(name []byte, beginning string) bool {
	return len(name) >= len(beginning) && string(name[:len(beginning)]) == beginning
}

// HoldsToken says whether a header of the family carries what somebody could log in with: an access token, an assertion.
func HoldsToken(name string) bool {
	if !Is(name) {
		return false
	}
	var space [longest]byte
	n := normal(space[:0], name)
	for _, end := range [...]string{"token", "accesstoken", "assertion", "jwt", "oidc-data", "iv-creds"} {
		if bytes.HasSuffix(n, []byte(end)) {
			return true
		}
	}
	return has(n, "x-ms-token-")
}
