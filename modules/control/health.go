package control

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/fairway-gateway/fairway/modules/control/api"
)

// Paths by which monitors of Trends.Earth ask whether it is there.
const (
	healthPath = "/api-health"
	pingPath   = "/ping"
)

// trendsHealth is the answer of healthPath. What was deployed is told by nobody here, as it was not by a server in production.
type trendsHealth struct {
	Status    string `json:"status"`
	Timestamp string `json:"timestamp"`
	Database  string `json:"database"`
	Version   string `json:"version"`
}

// trendsPong is that of pingPath.
type trendsPong struct {
	Status    string `json:"status"`
	Timestamp string `json:"timestamp"`
	Message   string `json:"message"`
}

// healthWait is how long the store is asked.
const healthWait = 2 * time.Second

// health answers monitors, which are told that the gateway is there whatever becomes of the store, and are counted by no limit.
type health struct {
	// ask says whether the store answers.
	ask func(context.Context) error
}

func now() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000000") }

func (h health) serveHealth(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), healthWait)
	defer cancel()
	answer := trendsHealth{Status: "ok", Timestamp: now(), Database: "healthy", Version: "1.0"}
	if h.ask(ctx) != nil {
		answer.Database = "unhealthy"
	}
	api.Answer(w, http.StatusOK, answer)
}

func (h health) servePing(w http.ResponseWriter, _ *http.Request) {
	api.Answer(w, http.StatusOK, trendsPong{Status: "ok", Timestamp: now(), Message: "pong"})
}

// serve answers r where it is a monitor's, which needs no store.
func (h health) serve(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	switch strings.TrimSuffix(r.URL.Path, "/") {
	case healthPath:
		h.serveHealth(w, r)
	case pingPath:
		h.servePing(w, r)
	default:
		return false
	}
	return true
}
