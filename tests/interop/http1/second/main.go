// SPDX-License-Identifier: BSD-3-Clause

// The second parser: what Go's net/http makes of the cases that judge.c reads, one line of JSON for
// each, bytes in hexadecimal. With -literals it prints the HTTP/1 messages in the string constants of
// Go's own tests instead, one in hexadecimal a line; with -target it is an HTTP server that tells what it read.
package main

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"sort"
	"strings"
)

type message struct {
	Method string      `json:"method"`
	Target string      `json:"target"`
	Status int         `json:"status"`
	Fields [][2]string `json:"fields"`
	Body   string      `json:"body"`
	Whole  bool        `json:"whole"`
	Fault  string      `json:"fault,omitempty"` // why there is no further one
}

type opinion struct {
	Messages []message `json:"messages"`
	Fault    string    `json:"fault"`
	Rest     int64     `json:"rest"` // bytes behind the last message
}

func inHex(text string) string {
	return hex.EncodeToString([]byte(text))
}

// Those fields that Go leaves as they came, in the order of their names.
func fieldsOf(sections ...http.Header) [][2]string {
	fields := [][2]string{}
	for _, section := range sections {
		for name, values := range section {
			for _, value := range values {
				fields = append(fields, [2]string{inHex(strings.ToLower(name)), inHex(value)})
			}
		}
	}
	sort.SliceStable(fields, func(i, j int) bool { return fields[i][0] < fields[j][0] })
	return fields
}

// The body to its end, which a message that only the connection's end ends has, too; behind it the trailers are
// there.
func (m *message) take(body io.ReadCloser, header http.Header, trailer *http.Header) error {
	content, err := io.ReadAll(body)
	m.Body = hex.EncodeToString(content)
	m.Whole = err == nil
	m.Fields = fieldsOf(header, *trailer)
	return err
}

func readRequest(reader *bufio.Reader) (m *message, leaves bool, err error) {
	// One empty line before a request is for the caller to skip (RFC 9112 2.2).
	if start, _ := reader.Peek(2); string(start) == "\r\n" {
		_, _ = reader.Discard(2)
	}
	request, err := http.ReadRequest(reader)
	if err != nil {
		return nil, true, err
	}
	m = &message{Method: inHex(request.Method), Target: inHex(request.RequestURI)}
	err = m.take(request.Body, request.Header, &request.Trailer)
	upgrades := request.Header.Get("Upgrade") != ""
	return m, err != nil || request.Close || upgrades || request.Method == http.MethodConnect, err
}

func readResponse(reader *bufio.Reader, method string) (m *message, leaves bool, err error) {
	response, err := http.ReadResponse(reader, &http.Request{Method: method})
	if err != nil {
		return nil, true, err
	}
	m = &message{Status: response.StatusCode}
	tunnel := response.StatusCode == http.StatusSwitchingProtocols ||
		method == http.MethodConnect && response.StatusCode/100 == 2
	if tunnel {
		m.Whole = true
		m.Fields = fieldsOf(response.Header)
		return m, true, nil
	}
	err = m.take(response.Body, response.Header, &response.Trailer)
	return m, err != nil || response.Close, err
}

func read(line string, input *bufio.Reader) opinion {
	var method string
	var length int
	isResponse := true
	if n, _ := fmt.Sscanf(line, "response %s %d", &method, &length); n != 2 {
		isResponse = false
		if n, _ := fmt.Sscanf(line, "request %d", &length); n != 1 {
			log.Fatalf("no case: %q", line)
		}
	}
	bytes := make([]byte, length)
	if _, err := io.ReadFull(input, bytes); err != nil {
		log.Fatal(err)
	}
	reader := bufio.NewReader(strings.NewReader(string(bytes)))
	judged := opinion{Messages: []message{}}
	for {
		if _, err := reader.Peek(1); err != nil {
			return judged
		}
		var m *message
		var leaves bool
		var err error
		if isResponse {
			m, leaves, err = readResponse(reader, method)
		} else {
			m, leaves, err = readRequest(reader)
		}
		if m != nil {
			judged.Messages = append(judged.Messages, *m)
		}
		if err != nil {
			judged.Fault = err.Error()
		}
		if leaves {
			judged.Rest, _ = io.Copy(io.Discard, reader)
			return judged
		}
	}
}

func main() {
	literals := flag.Bool("literals", false, "print the messages in the Go files that are named")
	address := flag.String("target", "", "serve HTTP here, as 10.2.0.1:8080")
	asking := flag.String("asking", "", "and tell here what was read")
	flag.Parse()
	if *address != "" {
		beTarget(*address, *asking)
	}
	if *literals {
		for _, name := range flag.Args() {
			printLiterals(name)
		}
		return
	}
	input := bufio.NewReader(os.Stdin)
	output := json.NewEncoder(os.Stdout)
	for {
		line, err := input.ReadString('\n')
		if err == io.EOF {
			return
		}
		if err == nil {
			err = output.Encode(read(line, input))
		}
		if err != nil {
			log.Fatal(err)
		}
	}
}
