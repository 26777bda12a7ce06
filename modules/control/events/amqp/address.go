package amqp

import (
	"errors"
	"net"
	"net/url"
	"strings"
)

// address is one server, and the virtual host there.
type address struct {
	host, port, vhost string
	secure            bool
}

// CheckURL says what is wrong with the address of a server.
func CheckURL(text string) error {
	_, err := parse(text)
	return err
}

func parse(text string) (address, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "amqp" && u.Scheme != "amqps" || u.Hostname() == "" || u.Opaque != "" || u.RawQuery != "" || u.Fragment != "" || strings.Contains(strings.TrimPrefix(u.EscapedPath(), "/"), "/"):
		return address{}, errors.New("an AMQP server is amqp://host:port/vhost or amqps://host:port/vhost")
	case u.User != nil:
		return address{}, errors.New("the address has no credentials: they are words of their own")
	}
	out := address{host: u.Hostname(), port: u.Port(), vhost: strings.TrimPrefix(u.Path, "/"), secure: u.Scheme == "amqps"}
	if out.port == "" {
		if out.port = "5672"; out.secure {
			out.port = "5671"
		}
	}
	if out.vhost == "" {
		out.vhost = "/"
	}
	if len(out.vhost) > MostText {
		return address{}, errors.New("the name of a virtual host has at most 255 bytes")
	}
	return out, nil
}

func (a address) String() string { return net.JoinHostPort(a.host, a.port) }
