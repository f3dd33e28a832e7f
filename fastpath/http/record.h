// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One exchange as the access log has it: from a worker to the control thread by value.

#include "core/base.h"
#include "pkt/address.h"

enum {
	HTTP_RECORD_METHOD = 16,
	HTTP_RECORD_HOST = 96,
	HTTP_RECORD_TARGET = 256,
};

// Texts that are longer are cut; none ends with a NUL.
struct http_record {
	struct ip_address client;
	usec_t began; // the request's first byte
	usec_t ended;
	uint64_t bytes[2]; // of bodies: from the client, from the target
	uint16_t client_port;
	uint16_t listener; // slots
	uint16_t upstream;
	uint16_t target;
	uint16_t status; // 0: none was sent
	uint8_t reason;  // enum http_reason
	uint8_t minor;   // of the client's version
	uint8_t worker;
	bool is_framed; // the client's version is 2
	bool reused;    // the target's connection served a request before
	uint16_t method_length;
	uint16_t host_length;
	uint16_t target_length;
	char method[HTTP_RECORD_METHOD];
	char host[HTTP_RECORD_HOST];
	char path[HTTP_RECORD_TARGET]; // as asked, with the query
};
