// Package main is a small gateway on Lura v2, with its gin router: GET /pass hands the backend's /json on unread
// ("no-op"), GET /text puts the backend's /kv into {"content": ...} (encoding "string"), GET /xml what mxj makes of the backend's /xml. Lura neither parses the text
// nor converts its charset: a byte that is no UTF-8 comes out as U+FFFD.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/clbanning/mxj/v2"
	"github.com/gin-gonic/gin"
	"github.com/luraproject/lura/v2/config"
	"github.com/luraproject/lura/v2/encoding"
	"github.com/luraproject/lura/v2/logging"
	"github.com/luraproject/lura/v2/proxy"
	luragin "github.com/luraproject/lura/v2/router/gin"
	"github.com/luraproject/lura/v2/transport/http/server"
	"golang.org/x/net/html/charset"
)

func main() {
	port := flag.Int("port", 8081, "port on 127.0.0.1 to listen on")
	backend := flag.String("backend", "http://127.0.0.1:8080", "base `URL` of the backend")
	keepalive := flag.Int("keepalive", 512, "idle connections kept to the backend")
	flag.Parse()

	if err := run(*port, *backend, *keepalive); err != nil {
		fmt.Fprintln(os.Stderr, "lura:", err)
		os.Exit(1)
	}
}

func run(port int, backend string, keepalive int) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	service := config.ServiceConfig{
		Name:                "bench",
		Version:             config.ConfigVersion,
		Address:             "127.0.0.1",
		Port:                port,
		Timeout:             10 * time.Second,
		MaxIdleConnsPerHost: keepalive,
		Endpoints: []*config.EndpointConfig{
			endpoint("/pass", "/json", backend, encoding.NOOP, encoding.NOOP),
			endpoint("/text", "/kv", backend, encoding.STRING, encoding.JSON),
			endpoint("/xml", "/xml", backend, "xml", encoding.JSON),
			merged("/merge", backend, "/a/json", "/b/json", "/c/json"),
		},
	}
	if err := registerXML(); err != nil {
		return err
	}
	if err := service.Init(); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	logger, err := logging.NewLogger("ERROR", os.Stderr, "")
	if err != nil {
		return fmt.Errorf("logger: %w", err)
	}

	gin.SetMode(gin.ReleaseMode)
	gin.DefaultWriter = io.Discard
	engine := gin.New() // without gin's access log
	engine.ContextWithFallback = true
	engine.Use(gin.Recovery())

	router := luragin.NewFactory(luragin.Config{
		Engine:         engine,
		HandlerFactory: luragin.EndpointHandler,
		ProxyFactory:   proxy.DefaultFactory(logger),
		Logger:         logger,
		RunServer:      server.RunServer,
	}).NewWithContext(ctx)
	router.Run(service)

	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// registerXML makes the encoding "xml" of mxj, as KrakenD's module of that name does, with the charsets of x/net.
func registerXML() error {
	mxj.XmlCharsetReader = charset.NewReaderLabel
	decoder := func(bool) func(io.Reader, *map[string]any) error {
		return func(r io.Reader, v *map[string]any) error {
			m, err := mxj.NewMapXmlReader(r)
			if err != nil {
				return fmt.Errorf("xml: %w", err)
			}
			*v = m
			return nil
		}
	}
	if err := encoding.GetRegister().Register("xml", decoder); err != nil {
		return fmt.Errorf("xml: %w", err)
	}
	return nil
}

// merged puts the objects of several targets under a, b and c.
func merged(path, backend string, targets ...string) *config.EndpointConfig {
	all := endpoint(path, targets[0], backend, encoding.JSON, encoding.JSON)
	all.Backend = nil
	for i, target := range targets {
		one := endpoint(path, target, backend, encoding.JSON, encoding.JSON).Backend[0]
		one.Group = string(rune('a' + i))
		all.Backend = append(all.Backend, one)
	}
	return all
}

func endpoint(path, target, backend, in, out string) *config.EndpointConfig {
	return &config.EndpointConfig{
		Endpoint:       path,
		Method:         http.MethodGet,
		OutputEncoding: out,
		Backend: []*config.Backend{{
			Method:     http.MethodGet,
			Host:       []string{backend},
			URLPattern: target,
			Encoding:   in,
		}},
	}
}
