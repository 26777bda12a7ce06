package kubernetes

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// serviceAccount is where pods find who they are.
const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount"

// access is how a cluster is reached.
type access struct {
	server    string
	namespace string
	transport *http.Transport
	// token gives the token that is shown; nil: there is none.
	token func() (string, error)
}

// kubeconfig is what of such a file is known. Programs that make credentials (exec) are not: they would run as the runner.
type kubeconfig struct {
	Current  string `yaml:"current-context"`
	Contexts []struct {
		Name    string `yaml:"name"`
		Context struct {
			Cluster   string `yaml:"cluster"`
			User      string `yaml:"user"`
			Namespace string `yaml:"namespace"`
		} `yaml:"context"`
	} `yaml:"contexts"`
	Clusters []struct {
		Name    string      `yaml:"name"`
		Cluster kubeCluster `yaml:"cluster"`
	} `yaml:"clusters"`
	Users []struct {
		Name string   `yaml:"name"`
		User kubeUser `yaml:"user"`
	} `yaml:"users"`
}

type kubeCluster struct {
	Server   string `yaml:"server"`
	CAFile   string `yaml:"certificate-authority"`
	CAData   string `yaml:"certificate-authority-data"`
	Name     string `yaml:"tls-server-name"`
	Insecure bool   `yaml:"insecure-skip-tls-verify"`
	Proxy    string `yaml:"proxy-url"`
}

type kubeUser struct {
	Token     string `yaml:"token"`
	TokenFile string `yaml:"tokenFile"`
	CertFile  string `yaml:"client-certificate"`
	CertData  string `yaml:"client-certificate-data"`
	KeyFile   string `yaml:"client-key"`
	KeyData   string `yaml:"client-key-data"`
	Username  string `yaml:"username"`
	Exec      any    `yaml:"exec"`
	Provider  any    `yaml:"auth-provider"`
}

// mostConfig is how long a kubeconfig may be, in bytes.
const mostConfig = 1 << 20

// inCluster is how a pod reaches the cluster that it is in.
func inCluster(root string, environ func(string) string) (*access, error) {
	host, port := environ("KUBERNETES_SERVICE_HOST"), environ("KUBERNETES_SERVICE_PORT")
	if host == "" || port == "" {
		return nil, errors.New("this is no pod of a cluster: say kubeconfig, the file that says where one is")
	}
	ca, err := os.ReadFile(filepath.Join(root, "ca.crt"))
	if err != nil {
		return nil, fmt.Errorf("the pod's service account: %w", err)
	}
	transport, err := newTransport(kubeCluster{CAData: base64.StdEncoding.EncodeToString(ca)}, kubeUser{}, "")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(root, "token")
	a := &access{server: "https://" + net.JoinHostPort(host, port), transport: transport, token: tokenOf(file)}
	if _, err := a.token(); err != nil {
		return nil, err
	}
	if name, err := os.ReadFile(filepath.Join(root, "namespace")); err == nil {
		a.namespace = strings.TrimSpace(string(name))
	}
	return a, nil
}

// tokenOf reads a token whenever it is shown: clusters replace it.
func tokenOf(file string) func() (string, error) {
	return func() (string, error) {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("read the token for the cluster: %w", err)
		}
		return strings.TrimSpace(string(text)), nil
	}
}

// readKubeconfig is how a file says that a cluster is reached, in one of its contexts, "" being its current one.
func readKubeconfig(file, context string) (*access, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	a, err := parseKubeconfig(text, filepath.Dir(file), context)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return a, nil
}

func parseKubeconfig(text []byte, directory, context string) (*access, error) {
	if len(text) > mostConfig {
		return nil, fmt.Errorf("it has more than %d bytes", mostConfig)
	}
	var config kubeconfig
	if err := yaml.Unmarshal(text, &config); err != nil {
		return nil, errors.New("it is no kubeconfig: it is not written in YAML") // whose errors show what is in it
	}
	if context == "" {
		context = config.Current
	}
	if context == "" {
		return nil, errors.New("it has no current-context: say which one")
	}
	for _, c := range config.Contexts {
		if c.Name != context {
			continue
		}
		for _, cluster := range config.Clusters {
			if cluster.Name != c.Context.Cluster {
				continue
			}
			for _, user := range config.Users {
				if user.Name == c.Context.User {
					return newAccess(cluster.Cluster, user.User, directory, c.Context.Namespace)
				}
			}
			return nil, fmt.Errorf("it has no user %.100q", c.Context.User)
		}
		return nil, fmt.Errorf("it has no cluster %.100q", c.Context.Cluster)
	}
	return nil, fmt.Errorf("it has no context %.100q", context)
}

func newAccess(cluster kubeCluster, user kubeUser, directory, namespace string) (*access, error) {
	if user.Exec != nil || user.Provider != nil || user.Username != "" {
		return nil, errors.New("its user has a password, or a program that makes credentials: use a token, a file with one, or a certificate")
	}
	at, err := url.Parse(cluster.Server)
	if err != nil || at.Scheme != "https" || at.Host == "" || at.User != nil || at.RawQuery != "" || at.Fragment != "" {
		return nil, errors.New("its server is no address like https://10.0.0.1:6443")
	}
	transport, err := newTransport(cluster, user, directory)
	if err != nil {
		return nil, err
	}
	a := &access{server: strings.TrimSuffix(cluster.Server, "/"), namespace: namespace, transport: transport}
	switch {
	case user.TokenFile != "":
		a.token = tokenOf(inside(directory, user.TokenFile))
	case user.Token != "":
		a.token = func() (string, error) { return user.Token, nil }
	}
	return a, nil
}

// inside is a path that a file in a directory says.
func inside(directory, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(directory, path)
}

func newTransport(cluster kubeCluster, user kubeUser, directory string) (*http.Transport, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: cluster.Name, InsecureSkipVerify: cluster.Insecure} //nolint:gosec // where somebody wrote so
	ca, err := given(directory, cluster.CAFile, cluster.CAData)
	if err != nil {
		return nil, fmt.Errorf("certificate-authority: %w", err)
	}
	if ca != nil {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(ca) {
			return nil, errors.New("certificate-authority: there is no certificate in it")
		}
	}
	certificate, err := given(directory, user.CertFile, user.CertData)
	if err != nil {
		return nil, fmt.Errorf("client-certificate: %w", err)
	}
	key, err := given(directory, user.KeyFile, user.KeyData)
	if err != nil {
		return nil, fmt.Errorf("client-key: %w", err)
	}
	if certificate != nil {
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			return nil, errors.New("client-certificate and client-key are none, or not of each other")
		}
		config.Certificates = []tls.Certificate{pair}
	}
	transport := &http.Transport{
		TLSClientConfig: config, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 100, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 10 * time.Second,
		DialContext: (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext, Proxy: http.ProxyFromEnvironment,
		// A connection on which nothing is answered any more is found out, also while a watch waits.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second},
	}
	if cluster.Proxy != "" {
		proxy, err := url.Parse(cluster.Proxy)
		if err != nil || proxy.Host == "" {
			return nil, errors.New("proxy-url is no address")
		}
		transport.Proxy = http.ProxyURL(proxy)
	}
	return transport, nil
}

// given is what a kubeconfig has itself, or in a file; nil: neither.
func given(directory, file, data string) ([]byte, error) {
	if data != "" {
		text, err := base64.StdEncoding.DecodeString(data)
		if err != nil {
			return nil, errors.New("it is not written in base64")
		}
		return text, nil
	}
	if file == "" {
		return nil, nil
	}
	return os.ReadFile(inside(directory, file)) //nolint:wrapcheck // it says which
}
