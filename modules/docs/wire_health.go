package docs

// trendsHealth is what monitors of Trends.Earth read.
type trendsHealth struct {
	Status    string `json:"status" enum:"ok"`
	Timestamp string `json:"timestamp" doc:"UTC" example:"2026-01-31T12:30:00.000000"`
	Database  string `json:"database" enum:"healthy,unhealthy"`
	Version   string `json:"version" enum:"1.0"`
}

type trendsPong struct {
	Status    string `json:"status" enum:"ok"`
	Timestamp string `json:"timestamp" doc:"UTC" example:"2026-01-31T12:30:00.000000"`
	Message   string `json:"message" enum:"pong"`
}
