// Package modules adds everything of Fairway that Caddy can load: import it for its side effects.
package modules
