// SPDX-License-Identifier: BSD-3-Clause

// A browser, as far as its hello goes: fetches a page over TLS with the ClientHello of Chrome or
// Firefox, and prints what it has seen as JSON; or only prints such hellos.
package main

import (
	"bufio"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	tls "github.com/refraction-networking/utls"
)

const patience = 15 * time.Second

var hellos = map[string]tls.ClientHelloID{
	"chrome":  tls.HelloChrome_133,
	"firefox": tls.HelloFirefox_148,
}

type seen struct {
	Version     string `json:"version"`
	ALPN        string `json:"alpn"`
	Certificate string `json:"certificate"` // SHA-256 of its DER
	Status      int    `json:"status"`
	Bytes       int64  `json:"bytes"`
	SHA256      string `json:"sha256"` // of the page
}

func roots(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate in it", path)
	}
	return pool, nil
}

func get(conn net.Conn, name, path string, out *seen) error {
	request, err := http.NewRequest(http.MethodGet, "https://"+name+path, nil)
	if err != nil {
		return err
	}
	if err = request.Write(conn); err != nil {
		return err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	sum := sha256.New()
	out.Status = response.StatusCode
	out.Bytes, err = io.Copy(sum, response.Body)
	out.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return err
}

// The record with the hello that a client sends at first.
func firstRecord(name string, hello tls.ClientHelloID) ([]byte, error) {
	near, far := net.Pipe()
	defer far.Close()
	go func() {
		defer near.Close()
		tls.UClient(near, &tls.Config{ServerName: name}, hello).Handshake()
	}()
	record := make([]byte, 5)
	if _, err := io.ReadFull(far, record); err != nil {
		return nil, err
	}
	body := make([]byte, int(record[3])<<8|int(record[4]))
	_, err := io.ReadFull(far, body)
	return append(record, body...), err
}

// Prints that many records, each as a line in hexadecimal.
func printHellos(name, browser string, count int) error {
	hello, found := hellos[browser]
	if !found {
		return fmt.Errorf("%s: no such browser", browser)
	}
	for i := 0; i < count; i++ {
		record, err := firstRecord(name, hello)
		if err != nil {
			return err
		}
		fmt.Println(hex.EncodeToString(record))
	}
	return nil
}

func run(where, name, browser, authorities, path string) (*seen, error) {
	hello, found := hellos[browser]
	if !found {
		return nil, fmt.Errorf("%s: no such browser", browser)
	}
	pool, err := roots(authorities)
	if err != nil {
		return nil, err
	}
	tcp, err := net.DialTimeout("tcp", where, patience)
	if err != nil {
		return nil, err
	}
	defer tcp.Close()
	if err = tcp.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	conn := tls.UClient(tcp, &tls.Config{ServerName: name, RootCAs: pool}, hello)
	if err = conn.Handshake(); err != nil {
		return nil, err
	}
	state := conn.ConnectionState()
	print := sha256.Sum256(state.PeerCertificates[0].Raw)
	out := &seen{
		Version:     tls.VersionName(state.Version),
		ALPN:        state.NegotiatedProtocol,
		Certificate: hex.EncodeToString(print[:]),
	}
	if err = get(conn, name, path, out); err != nil {
		return nil, err
	}
	return out, conn.Close()
}

func main() {
	where := flag.String("connect", "", "ADDRESS:PORT")
	name := flag.String("name", "", "the server's name")
	browser := flag.String("browser", "chrome", "chrome or firefox")
	authorities := flag.String("roots", "", "file of the authorities in PEM")
	path := flag.String("path", "/", "of the page")
	count := flag.Int("hellos", 0, "only print as many hellos, in hexadecimal")
	flag.Parse()
	if *count != 0 {
		if err := printHellos(*name, *browser, *count); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	out, err := run(*where, *name, *browser, *authorities, *path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err = json.NewEncoder(os.Stdout).Encode(out); err != nil {
		os.Exit(1)
	}
}
