package people

import "github.com/fairway-gateway/fairway/modules/control/listing"

// Lists are what users can be listed by, as Trends.Earth has them and as Houston does, and the audit log.
func Lists() (trends, houston, audit listing.Resource) {
	return trendsResource(), houstonResource(), auditResource()
}
