module github.com/fairway-gateway/fairway/e2e

go 1.26.0
