package amqp

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"

	"github.com/fairway-gateway/fairway/modules/control/controltest"
	"github.com/fairway-gateway/fairway/modules/control/events/eventstest"
)

var engines = controltest.NewEngines()

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

// TestServerThatIsDown holds it to what every publisher is held to.
func TestServerThatIsDown(t *testing.T) {
	t.Parallel()
	engines.Both(t, func(t *testing.T, dsn string) {
		t.Helper()
		eventstest.Down(t, dsn, serve(t))
	})
}

// TestPublish holds what is published and what is not: messages that no queue takes, that a full one refuses, and those for an exchange that
// is not there; and that all of them are when that is over.
func TestPublish(t *testing.T) {
	t.Parallel()
	n := serve(t)
	c := open(t, Config{URL: n.url(), Timeout: 20 * time.Second})
	one := func() *message.Message { return message.NewMessage("1", []byte("x")) }
	if err := c.Publish("a.b", one()); !has(err, "no queue takes a.b") {
		t.Error("it goes nowhere:", err)
	}
	n.queue(t, "full", "a.b", amqp.Table{"x-max-length": 2, "x-overflow": "reject-publish"})
	for range 2 {
		must(t, c.Publish("a.b", one()))
	}
	// The length of a queue is looked at when a message is in it, so one more may be taken.
	var refused error
	for range 5 {
		if refused = c.Publish("a.b", one()); refused != nil {
			break
		}
	}
	if !has(refused, "a queue did not take it") {
		t.Error("it is full:", refused)
	}
	admin := n.on(t)
	_, err := admin.QueuePurge("full", false)
	must(t, err)
	eventstest.Eventually(t, "it is not full any more", func() bool { return c.Publish("a.b", one()) == nil })
	later := open(t, Config{URL: n.url(), Exchange: "later", Timeout: 20 * time.Second})
	if err := later.Publish("a.b", one()); !has(err, "404") {
		t.Error("there is no such exchange:", err)
	}
	must(t, admin.ExchangeDeclare("later", "topic", true, false, false, false, nil))
	must(t, admin.QueueBind("full", "#", "later", false, nil))
	must(t, later.Publish("c.d", message.NewMessage("2", []byte("y"))))
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	m := one()
	m.SetContext(gone)
	if err := c.Publish("a.b", m); err == nil {
		t.Error("who has gone publishes")
	}
	_, err = admin.QueueDelete("full", false, false, false)
	must(t, err)
	n.queue(t, "again", "a.b", nil)
	must(t, c.Publish("a.b", one()))
	if err := c.Publish(strings.Repeat("x", 256), one()); err == nil {
		t.Error("the topic is too long")
	}
	must(t, c.Close())
	if err := c.Publish("a.b", one()); !has(err, "closed") {
		t.Error(err)
	}
	must(t, c.Close())
}

// TestManyAtOnce has many publish at once, some of them what no queue takes: each is told what became of his own.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	n := serve(t)
	n.queue(t, "q", "to.#", nil)
	c := open(t, Config{URL: n.url(), Timeout: time.Minute})
	var all sync.WaitGroup
	for i := range 32 {
		all.Go(func() {
			for j := range 20 {
				topic := []string{"to.some", "to.none"}[(i+j)%2]
				topic = strings.Replace(topic, "to.none", "none", 1)
				err := c.Publish(topic, message.NewMessage(fmt.Sprintf("%d-%d", i, j), []byte("x")))
				if (topic == "none") != has(err, "no queue takes none") {
					t.Errorf("%s: %v", topic, err)
				}
			}
		})
	}
	all.Wait()
}

// TestAccess holds who is let in: by a password, and over TLS where the certificate is good. Nothing that is said has the password.
func TestAccess(t *testing.T) {
	t.Parallel()
	n := serve(t)
	n.queue(t, "q", "#", nil)
	secure := fmt.Sprintf("amqps://localhost:%d/", n.tls)
	for name, c := range map[string]struct {
		cfg  Config
		want string // empty: he is let in
	}{
		"guest":                     {Config{URL: n.url()}, ""},
		"a password":                {Config{URL: n.url() + "/%2f", Username: "guest", Password: "guest"}, ""},
		"a wrong password":          {Config{URL: n.url(), Username: "guest", Password: "hunter2"}, "username or password"},
		"nobody":                    {Config{URL: n.url(), Username: "hunter2", Password: "hunter2"}, "username or password"},
		"another virtual host":      {Config{URL: n.url() + "/other"}, "vhost"},
		"a certificate that is not": {Config{URL: secure}, "certificate"},
		"TLS":                       {Config{URL: secure, CA: n.certificate}, ""},
		"TLS by another name":       {Config{URL: fmt.Sprintf("amqps://127.0.0.1:%d/", n.tls), CA: n.certificate}, "certificate"},
		"TLS where there is none":   {Config{URL: fmt.Sprintf("amqps://127.0.0.1:%d/", n.port), CA: n.certificate}, "AMQP"},
		"the second of two":         {Config{URL: "amqp://127.0.0.1:1," + n.url()}, ""},
	} {
		c.cfg.Timeout = 30 * time.Second
		err := open(t, c.cfg).Publish("a", message.NewMessage("1", []byte("x")))
		if (c.want == "") != (err == nil) || err != nil && (!strings.Contains(strings.ToLower(err.Error()), strings.ToLower(c.want)) || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSilentServer holds that a server that takes all and says nothing keeps nobody for longer than the timeout, and that nothing is left.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
		}
	}()
	for _, scheme := range []string{"amqp", "amqps"} {
		c := open(t, Config{URL: scheme + "://" + l.Addr().String(), Timeout: 200 * time.Millisecond})
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if err := c.Publish("a", message.NewMessage("1", nil)); err == nil {
					t.Error("it is published")
				}
			})
		}
		all.Wait()
		must(t, c.Close())
	}
	must(t, l.Close())
	<-done
}

// TestNothingIsLeft holds that a connection ends with all that belongs to it. It runs by itself.
func TestNothingIsLeft(t *testing.T) { //nolint:paralleltest // it looks at all goroutines
	n := serve(t)
	before := goleak.IgnoreCurrent()
	admin, err := n.dial()
	must(t, err)
	ch, err := admin.Channel()
	must(t, err)
	_, err = ch.QueueDeclare("q", true, false, false, false, nil)
	must(t, err)
	must(t, ch.QueueBind("q", "#", DefaultExchange, false, nil))
	must(t, admin.Close())
	c, err := Open(Config{URL: n.url(), Timeout: 20 * time.Second})
	must(t, err)
	for range 10 {
		must(t, c.Publish("a", message.NewMessage("1", []byte("x"))))
	}
	must(t, c.Close())
	goleak.VerifyNone(t, before)
}

// TestCheckURL holds what an address may be.
func TestCheckURL(t *testing.T) {
	t.Parallel()
	for address, ok := range map[string]bool{
		"amqp://h:5672": true, "amqps://h": true, "amqp://h/": true, "amqp://h/v": true, "amqp://h/%2Fv": true, "amqp://[::1]:1/v": true, "": false, "h:5672": false, "http://h": false, "amqp://u:p@h": false, "amqp://u@h": false,
		"amqp://": false, "amqp://:5672": false, "amqp://h/x/y": false, "amqp://h?x=1": false, "amqp://h#x": false, "amqp:h": false, "amqp://h/" + strings.Repeat("v", 256): false, "amqp://h:port": false,
	} {
		if (CheckURL(address) == nil) != ok {
			t.Error(address)
		}
	}
	for text, want := range map[string]address{
		"amqp://h":           {"h", "5672", "/", false},
		"amqps://h/":         {"h", "5671", "/", true},
		"amqp://[::1]:1/%2f": {"::1", "1", "/", false},
		"amqp://h/v":         {"h", "5672", "v", false},
	} {
		if got, err := parse(text); err != nil || got != want {
			t.Error(text, got, err)
		}
	}
	for _, cfg := range []Config{{URL: "amqp://u:secret@h"}, {URL: "amqp://h", CA: "/nothing"}, {URL: "amqp://h", Exchange: strings.Repeat("x", 256)}} {
		if _, err := Open(cfg); err == nil || strings.Contains(err.Error(), "secret") {
			t.Error(cfg, err)
		}
	}
}
