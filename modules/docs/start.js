"use strict";
// The public client "documentation" has no secret: people log in with their own passwords.
const ui = SwaggerUIBundle({
	url: "/api/v1/openapi.json",
	dom_id: "#documentation",
	deepLinking: true,
	docExpansion: "none",
	filter: true,
	displayRequestDuration: true,
	validatorUrl: null,
	persistAuthorization: false,
	withCredentials: false,
});
ui.initOAuth({ clientId: "documentation", clientSecret: "", appName: "Fairway" });
