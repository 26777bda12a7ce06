// Package main is the yardstick of W4: it fetches a document once and, for each request, reads it with encoding/csv and
// ReuseRecord, and answers how many fields it has. Nothing is converted and nothing sent on.
package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8082", "`address` to listen on")
	from := flag.String("from", "http://127.0.0.1:8080/csv", "`URL` of the document")
	flag.Parse()
	if err := run(*listen, *from); err != nil {
		fmt.Fprintln(os.Stderr, "csv:", err)
		os.Exit(1)
	}
}

func run(listen, from string) error {
	resp, err := http.Get(from) //nolint:gosec,noctx // the address that the benchmark gives
	if err != nil {
		return fmt.Errorf("document: %w", err)
	}
	document, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return fmt.Errorf("document: %w", err)
	}
	server := &http.Server{
		Addr: listen, ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			n, err := fields(document)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			fmt.Fprintln(w, n)
		}),
	}
	return server.ListenAndServe()
}

// fields counts the fields of a document.
func fields(document []byte) (int, error) {
	r := csv.NewReader(bytes.NewReader(document))
	r.ReuseRecord = true
	n := 0
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return 0, fmt.Errorf("csv: %w", err)
		}
		n += len(record)
	}
}
