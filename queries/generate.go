package queries

// CGO_ENABLED=0 is for those who have no C compiler: sqlc brings a parser that needs none.
//go:generate env CGO_ENABLED=0 go tool -modfile=../tools/sqlc/go.mod sqlc generate
//go:generate go run ./internal/adapt db/querier.go internal/lite/querier_of_db.go
