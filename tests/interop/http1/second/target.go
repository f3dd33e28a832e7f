// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bufio"
	"encoding/json"
	"io"
	"log"
	"net"
	"sync"
)

// A target that answers each request with 200 and tells who asks on another port what it has read since it was asked
// last, once no connection is left.
type target struct {
	mutex sync.Mutex
	idle  sync.Cond
	open  int
	read  []message
}

func (t *target) opened(n int) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.open += n
	if t.open == 0 {
		t.idle.Broadcast()
	}
}

func (t *target) took(m message) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.read = append(t.read, m)
}

func (t *target) serve(connection net.Conn) {
	defer t.opened(-1)
	defer func() { _ = connection.Close() }()
	reader := bufio.NewReader(connection)
	for {
		if _, err := reader.Peek(1); err != nil {
			return
		}
		m, _, err := readRequest(reader)
		if m != nil {
			t.took(*m)
		}
		if err != nil {
			t.took(message{Fault: err.Error()})
			return
		}
		if _, err := io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"); err != nil {
			return
		}
	}
}

func (t *target) tell(connection net.Conn) {
	defer func() { _ = connection.Close() }()
	t.mutex.Lock()
	for t.open > 0 {
		t.idle.Wait()
	}
	read := t.read
	t.read = nil
	t.mutex.Unlock()
	output := json.NewEncoder(connection)
	for _, m := range read {
		if err := output.Encode(m); err != nil {
			log.Print(err)
			return
		}
	}
}

func accept(address string, each func(net.Conn)) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		each(connection)
	}
}

func beTarget(address, asking string) {
	t := &target{}
	t.idle.L = &t.mutex
	go accept(asking, func(connection net.Conn) { go t.tell(connection) })
	accept(address, func(connection net.Conn) {
		t.opened(1)
		go t.serve(connection)
	})
}
