// SPDX-License-Identifier: Apache-2.0

// A static server as Go people write it: one listener on ":PORT", which is one dual-stack socket, and UDP beside it.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
)

func answerDatagrams(name, port string) {
	packets, err := net.ListenPacket("udp", ":"+port)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	buffer := make([]byte, 65536)
	for {
		_, from, err := packets.ReadFrom(buffer)
		if err == nil {
			packets.WriteTo([]byte(name), from)
		}
	}
}

func main() {
	name, port := os.Args[1], os.Args[2]
	go answerDatagrams(name, port)
	http.HandleFunc("/who", func(answer http.ResponseWriter, _ *http.Request) { fmt.Fprint(answer, name) })
	fmt.Println(http.ListenAndServe(":"+port, nil))
	os.Exit(1)
}
