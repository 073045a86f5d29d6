// Go's own HTTP over TLS: `https serve PORT CERTIFICATE KEY`, and clients of HTTP/2: `https ask PORT`.
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	address := "127.0.0.1:" + os.Args[2]
	if os.Args[1] == "serve" {
		serve(address, os.Args[3], os.Args[4])
	} else {
		ask(address)
	}
}

// Closes idle connections after a second.
func serve(address, certificate, key string) {
	answer := func(to http.ResponseWriter, _ *http.Request) { io.WriteString(to, "ok") }
	server := http.Server{Addr: address, IdleTimeout: time.Second, Handler: http.HandlerFunc(answer)}
	panic(server.ListenAndServeTLS(certificate, key))
}

// Five connections of one request, and one of eight.
func ask(address string) {
	for n := 0; n < 5; n++ {
		requests("127.1.0.1", address, 1)
	}
	requests("127.1.0.2", address, 8)
	fmt.Println(`{"requests": {"127.1.0.1": [1, 1, 1, 1, 1], "127.1.0.2": [8]}}`)
}

func requests(from, address string, count int) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	transport := &http.Transport{
		DialContext:       dialer.DialContext,
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		ForceAttemptHTTP2: true,
	}
	client := http.Client{Transport: transport}
	for n := 0; n < count; n++ {
		answer, err := client.Get("https://" + address + "/")
		if err != nil {
			panic(err)
		}
		if answer.ProtoMajor != 2 {
			panic(answer.Proto)
		}
		io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
	}
	transport.CloseIdleConnections()
}
