//go:build linux

package image_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// look is what is looked at after commands of the page, the first time that a block ends with them.
type look struct {
	what, after string
	at          func(*bench)
}

func looks() []look {
	return []look{
		{"the image is what it should be", "docker run -d --name fairway -p 8080:8080 -v fairway-data:/data fairway", (*bench).image},
		{"somebody can log in", "docker logs fairway 2>&1 | grep e-mail:", (*bench).firstLogin},
		{"without privileges all is kept", hardened("fairway"), (*bench).confined},
		{"scripts run where Python is", "curl -s http://localhost:8080/ready", (*bench).embedded},
		{"scripts run in another container", "docker-compose -f deploy/compose.yaml exec -T gateway fairway runner list --json", (*bench).composed},
		{"what was written outlives the containers", "down\ndocker-compose -f deploy/compose.yaml up -d", (*bench).kept},
		{"a swarm does the same", "CADDYFILE_VERSION=2 docker stack deploy -c deploy/compose.yaml fairway", (*bench).swarmed},
		{"nothing is left of the stack", "docker stack rm fairway", func(b *bench) { b.await("docker ps -q | wc -l", "0") }},
	}
}

func hardened(image string) string {
	return "docker run -d --name fairway -p 8080:8080 -v fairway-data:/data --read-only --cap-drop ALL --security-opt no-new-privileges " + image
}

// image holds the image to what the page says of it, and its program to what this machine has made of the same source in another place.
func (b *bench) image() {
	b.t.Helper()
	b.must("docker cp fairway:/usr/bin/fairway " + b.home + "/of-image")
	var sums [2]string
	for i, path := range []string{b.program, filepath.Join(b.home, "of-image")} {
		text, err := os.ReadFile(path)
		if err != nil {
			b.t.Fatal(err)
		}
		of := sha256.Sum256(text)
		sums[i] = hex.EncodeToString(of[:])
	}
	if sums[0] != sums[1] {
		b.t.Errorf("make build makes %s, the Dockerfile %s", sums[0], sums[1])
	}
	var found []struct {
		Size   int64
		Config struct {
			User       string
			Labels     map[string]string
			Volumes    map[string]any
			Entrypoint []string
			Cmd        []string
		}
	}
	if err := json.Unmarshal([]byte(b.must("docker image inspect fairway")), &found); err != nil || len(found) != 1 {
		b.t.Fatal(err, len(found))
	}
	c := found[0].Config
	if c.User != "65532:65532" || c.Labels["org.opencontainers.image.version"] != version || c.Labels["org.opencontainers.image.revision"] == "" || len(c.Volumes) != 1 || found[0].Size > 100_000_000 {
		b.t.Errorf("the image is %+v", found[0])
	}
	if files := b.must("docker export fairway | tar -t"); strings.Contains(files, "bin/sh") || !strings.Contains(files, "etc/ssl/certs/ca-certificates.crt") {
		b.t.Errorf("the image has %s", files)
	}
}

// firstLogin logs in with the password that was printed.
func (b *bench) firstLogin() {
	b.t.Helper()
	found := regexp.MustCompile(`password: (\S+)`).FindStringSubmatch(b.must("docker logs fairway 2>&1"))
	if found == nil {
		b.t.Fatal("no password was printed")
	}
	if err := os.WriteFile(b.home+"/password", []byte(found[1]), 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.logIn()
}

// logIn logs in with the password of the file password, by the program that was made here.
func (b *bench) logIn() {
	b.t.Helper()
	b.await(fmt.Sprintf("%s login --url http://127.0.0.1:%s --email admin@localhost --password-file %s/password", b.client(), b.port, b.home), "logged in to")
}

// client is the program that was made here, as somebody who has a home of his own.
func (b *bench) client() string {
	return fmt.Sprintf("HOME=%[1]s XDG_CONFIG_HOME=%[1]s/config FAIRWAY_URL=http://127.0.0.1:%[2]s %[3]s", b.home, b.port, b.program)
}

// confined looks at who the process is, and logs in with the password of the container that is no more.
func (b *bench) confined() {
	b.t.Helper()
	b.logIn()
	b.process("fairway")
	if out, err := b.sh("docker exec fairway fairway db backup /etc/fairway/copy.db"); err == nil || !strings.Contains(out, "read-only") {
		b.t.Errorf("a file beside the Caddyfile can be written: %s", out)
	}
}

// process holds a container's process to have no privileges, and its children to be no zombies.
func (b *bench) process(container string) {
	b.t.Helper()
	status, err := os.ReadFile("/proc/" + b.must("docker inspect -f '{{.State.Pid}}' "+container) + "/status")
	if err != nil {
		b.t.Fatal(err)
	}
	for _, line := range []string{`Uid:\t65532\t65532\t65532\t65532`, `Gid:\t65532\t65532\t65532\t65532`, `CapEff:\t0+`, `CapBnd:\t0+`, `NoNewPrivs:\t1`, `Seccomp:\t2`} {
		if !regexp.MustCompile("(?m)^" + line + "$").Match(status) {
			b.t.Errorf("%s is %s, without %s", container, status, line)
		}
	}
	if out := b.must("docker top " + container + " -o pid,stat,comm"); regexp.MustCompile(`(?m)^\d+ +Z`).MatchString(out) {
		b.t.Errorf("%s has %s", container, out)
	}
}

// greeter is a script that says what Python it is.
const greeter = `#!/usr/bin/env python3
import json, os, sys
name = json.load(sys.stdin)["name"]
print("greeting", name)
with open(os.environ["FAIRWAY_RESULTS"], "w") as to:
    json.dump({"greeted": name, "user": os.getuid()}, to)
`

// publish uploads the script.
func (b *bench) publish() {
	b.t.Helper()
	if err := os.WriteFile(b.home+"/greeter.py", []byte(greeter), 0o600); err != nil {
		b.t.Fatal(err)
	}
	b.must(b.client() + " script publish " + b.home + "/greeter.py")
}

// runs runs it.
func (b *bench) runs() {
	b.t.Helper()
	if out := b.must(b.client() + " script run greeter name=Ada --wait --timeout 5m"); !strings.Contains(out, `"greeted":"Ada"`) && !strings.Contains(out, `"greeted": "Ada"`) {
		b.t.Errorf("the script says %s", out)
	}
}

func (b *bench) embedded() {
	b.t.Helper()
	b.logIn()
	b.publish()
	b.runs()
	b.process("fairway")
}

// composed runs a script by the runner of compose.yaml, which has fewer secrets than the gateway.
func (b *bench) composed() {
	b.t.Helper()
	b.must("tr -d '\\n' <deploy/secrets/admin_password >" + b.home + "/password")
	b.logIn()
	b.publish()
	b.runs()
	for _, name := range []string{"gateway", "runner"} {
		id := b.must("docker-compose -f deploy/compose.yaml ps -q " + name + " 2>/dev/null")
		b.await("docker inspect -f '{{.State.Health.Status}}' "+id, "healthy")
		b.process(id)
		mounts := b.must("docker inspect -f '{{json .Mounts}}' " + id)
		if strings.Contains(mounts, "fairway_secret") != (name == "gateway") {
			b.t.Errorf("%s has %s", name, mounts)
		}
	}
}

// kept finds the user, the script and its execution in containers that are new.
func (b *bench) kept() {
	b.t.Helper()
	b.logIn()
	if out := b.must(b.client() + " execution list"); !strings.Contains(out, "FINISHED") {
		b.t.Errorf("there is %s", out)
	}
	b.runs()
}

// swarmed runs a script on the swarm.
func (b *bench) swarmed() {
	b.t.Helper()
	b.await("docker service inspect -f '{{.UpdateStatus.State}}' fairway_gateway fairway_runner | tr '\\n' ' '", "completed completed")
	b.logIn()
	b.publish()
	b.runs()
}
