module github.com/fairway-gateway/fairway/e2e

go 1.26.0

require github.com/fairway-gateway/fairway v0.0.0

replace github.com/fairway-gateway/fairway => ..
