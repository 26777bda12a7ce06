// Command zitadel-op is the example OpenID provider of zitadel/oidc on a listener of our own: the example's own main listens
// on all interfaces. It keeps all in memory.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "zitadel-op:", err)
		os.Exit(1)
	}
}

func run() error {
	listen := flag.String("listen", "127.0.0.1:9998", "`address` to listen on")
	issuer := flag.String("issuer", "", "issuer `URL` with its slash (default http://localhost:<port>/)")
	users := flag.String("users", "", "`file` of users in JSON, by their ids (default: the example's, test-user2 with the password verysecure)")
	client := flag.String("client", "web", "`id` of the client, whose secret is \"secret\"")
	redirects := flag.String("redirects", "", "redirect `URLs` of the client, separated by commas")
	flag.Parse()
	if *issuer == "" {
		_, port, _ := strings.Cut(*listen, ":")
		*issuer = "http://localhost:" + port + "/"
	}
	store := storage.NewUserStore(*issuer)
	if *users != "" {
		var err error
		if store, err = storage.StoreFromFile(*users); err != nil {
			return err
		}
	}
	storage.RegisterClients(storage.WebClient(*client, "secret", strings.Split(*redirects, ",")...))
	server := &http.Server{
		Addr:              *listen,
		Handler:           exampleop.SetupServer(*issuer, storage.NewStorage(store), nil, false),
		ReadHeaderTimeout: 10 * time.Second,
	}
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
