package webhooks

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// names is a name server that gives other addresses each time it is asked.
type names struct {
	net.PacketConn
	answers [][4]byte
	asked   atomic.Int64
	done    chan struct{}
}

func nameServer(t testing.TB, answers ...[4]byte) *net.Resolver {
	t.Helper()
	conn, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	must(t, err)
	n := &names{PacketConn: conn, answers: answers, done: make(chan struct{})}
	go n.serve()
	t.Cleanup(func() {
		_ = n.Close()
		<-n.done
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

func (n *names) serve() {
	defer close(n.done)
	buf := make([]byte, 1500)
	for {
		size, from, err := n.ReadFrom(buf)
		if err != nil {
			return
		}
		var m dnsmessage.Message
		if m.Unpack(buf[:size]) != nil || len(m.Questions) != 1 {
			continue
		}
		m.Response, m.Additionals = true, nil
		if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
			i := min(int(n.asked.Add(1)), len(n.answers)) - 1
			m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, Type: q.Type}, Body: &dnsmessage.AResource{A: n.answers[i]}}}
		}
		if out, err := m.Pack(); err == nil {
			_, _ = n.WriteTo(out, from) // who asked may have gone
		}
	}
}

// TestRebinding holds that a name that led to an address that webhooks may go to, and leads to this machine the next time it is asked for, does not
// lead there: what is looked at is the address that is connected to.
func TestRebinding(t *testing.T) {
	t.Parallel()
	var outer, inner atomic.Int64
	count := func(n *atomic.Int64) *httptest.Server {
		return httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { n.Add(1) }))
	}
	// 127.0.0.2 stands for the world, 127.0.0.1 is this machine, with a service at the same port.
	world, own := count(&outer), count(&inner)
	own.Start()
	t.Cleanup(own.Close)
	port := own.Listener.Addr().(*net.TCPAddr).Port
	_ = world.Listener.Close()
	var err error
	world.Listener, err = (&net.ListenConfig{}).Listen(t.Context(), "tcp", fmt.Sprintf("127.0.0.2:%d", port))
	must(t, err)
	world.Start()
	t.Cleanup(world.Close)
	cfg := quick()
	cfg.Allowed = []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}
	cfg.Resolver = nameServer(t, [4]byte{127, 0, 0, 2}, [4]byte{127, 0, 0, 1})
	s := open(t, "sqlite:"+t.TempDir()+"/s.db", cfg)
	to := fmt.Sprintf("http://rebinding.test:%d/", port)
	if status, err := s.post(t.Context(), to, []byte("k"), newEvent()); err != nil || status != http.StatusOK || outer.Load() != 1 {
		t.Fatal(status, err, outer.Load())
	}
	s.client.CloseIdleConnections()
	for range 2 {
		if _, err := s.post(t.Context(), to, []byte("k"), newEvent()); err == nil || err.Error() != "its address is of a network that webhooks may not go to" {
			t.Error(err)
		}
	}
	if inner.Load() != 0 || outer.Load() != 1 {
		t.Error("somebody was asked:", inner.Load(), outer.Load())
	}
}
