// Package main tries what a script must not be able to do. Each attempt is a line: "POSSIBLE: what" or "refused: what: why".
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// target is what is attacked; tests write it as the script's parameters.
type target struct {
	Files  []string `json:"files"`  // to be read
	Dirs   []string `json:"dirs"`   // to be listed, and written to
	Pid    int      `json:"pid"`    // a process: the gateway
	Unix   []string `json:"unix"`   // sockets
	TCP    []string `json:"tcp"`    // addresses
	UDP    []string `json:"udp"`    // addresses
	MiB    int      `json:"mib"`    // how much a bomb takes at most
	Count  int      `json:"count"`  // how many processes it starts at most
	Secret string   `json:"secret"` // what must not be found
}

func try(what string, err error) {
	if err == nil {
		fmt.Println("POSSIBLE: " + what)
		return
	}
	fmt.Printf("refused: %s: %v\n", what, err)
}

func main() {
	attacks := map[string]func(target){
		"files": files, "environment": environment, "sockets": sockets, "signals": signals, "network": network, "trace": trace, "outside": outside,
		"kernel": kernel, "fork": forkBomb, "memory": memoryBomb, "shared": sharedBomb, "children": childrenBomb,
		"bigfile": bigFile, "manyfiles": manyFiles, "nameless": namelessFiles, "locked": lockedAway, "deep": deepDirectories,
		"survive": survive, "wait": wait, "results": results, "spin": spin, "modes": modes, "foreign": foreign, "pipe": pipe,
	}
	var t target
	if len(os.Args) > 2 {
		check(json.Unmarshal([]byte(os.Args[2]), &t))
	} else {
		check(json.NewDecoder(os.Stdin).Decode(&t))
	}
	attacks[os.Args[1]](t)
	fmt.Println("done")
}

func check(err error) {
	if err != nil {
		fmt.Println("attack:", err)
		os.Exit(1)
	}
}

// wait does nothing, until it is killed.
func wait(target) {
	fmt.Println("waiting")
	time.Sleep(time.Hour)
}
