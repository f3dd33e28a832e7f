// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What requests and responses share.

#include "nexwire/rest.h"

#include "stream.h"

enum rest_phase {
	REST_IDLE,
	REST_CONNECTING,
	REST_QUERY,   // a request is being written: its query,
	REST_FIELDS,  // or its fields
	REST_SENDING, // part of it is out
	REST_RECEIVING,
	REST_RECEIVED // a response is borrowed
};

// The response that was given is done with.
void nx_rest_drop_response(struct nx_rest *rest);

// Sends what is left of the request, its body too. NX_CLIENT_DONE: all of it is out.
enum nx_client_verdict nx_rest_send_rest(struct nx_rest *rest);
