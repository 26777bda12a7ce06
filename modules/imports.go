// Package modules adds everything of Fairway that Caddy can load: import it for its side effects.
package modules

import (
	// The modules.
	_ "github.com/fairway-gateway/fairway/modules/auth"
	_ "github.com/fairway-gateway/fairway/modules/control"
	_ "github.com/fairway-gateway/fairway/modules/db"
	_ "github.com/fairway-gateway/fairway/modules/decoders"
	_ "github.com/fairway-gateway/fairway/modules/doctor"
	_ "github.com/fairway-gateway/fairway/modules/executors"
	_ "github.com/fairway-gateway/fairway/modules/fairway"
	_ "github.com/fairway-gateway/fairway/modules/guard"
	_ "github.com/fairway-gateway/fairway/modules/health"
	_ "github.com/fairway-gateway/fairway/modules/keeper"
	_ "github.com/fairway-gateway/fairway/modules/metadata"
	_ "github.com/fairway-gateway/fairway/modules/openapi"
	_ "github.com/fairway-gateway/fairway/modules/operate"
	_ "github.com/fairway-gateway/fairway/modules/podagent"
	_ "github.com/fairway-gateway/fairway/modules/problem"
	_ "github.com/fairway-gateway/fairway/modules/publishers"
	_ "github.com/fairway-gateway/fairway/modules/scripting"
	_ "github.com/fairway-gateway/fairway/modules/service"
	_ "github.com/fairway-gateway/fairway/modules/sidecar"
	_ "github.com/fairway-gateway/fairway/modules/transport"
	_ "github.com/fairway-gateway/fairway/modules/try"
)
