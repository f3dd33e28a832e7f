// SPDX-License-Identifier: BSD-3-Clause

// A site as Go's standard library serves it: one page over TLS.
package main

import (
	"crypto/tls"
	"flag"
	"io"
	"log"
	"net/http"
)

func main() {
	certificate := flag.String("certificate", "", "file of the chain in PEM")
	key := flag.String("key", "", "file of its key in PEM")
	port := flag.String("port", "", "to listen on")
	page := flag.String("page", "", "what every path is answered with")
	patience := flag.Duration("patience", 0, "how long a handshake or a request's head may take")
	flag.Parse()
	server := http.Server{
		Addr: ":" + *port,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, *page)
		}),
		ReadHeaderTimeout: *patience,
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS13},
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	log.Fatal(server.ListenAndServeTLS(*certificate, *key))
}
