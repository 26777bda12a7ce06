package executions

import (
	"github.com/fairway-gateway/fairway/modules/control/api"
	"github.com/fairway-gateway/fairway/modules/control/typed"
)

// registerLive has the operations of logs and events handled.
func (x *Executions) registerLive(a *api.API, t *typed.API) {
	x.registerLogs(t)
	x.registerEvents(t)
	x.registerGiven(t)
	x.registerHandover(a, t)
}
