// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// HTTP/1.1 (RFC 9110, RFC 9112) without input and output of its own. From below:
//   http_verdict.h     what the functions say about bytes
//   http_head.h        request and response heads: read, judged, how the body is framed
//   http_chunked.h     the chunked coding with trailers, read
//   http_query.h       percent-encoding, queries and paths
//   http_writer.h      heads and bodies into a write buffer
//   http_connection.h  a connection as server or client: head, body, next

#include "nexwire/http_chunked.h"
#include "nexwire/http_connection.h"
#include "nexwire/http_head.h"
#include "nexwire/http_query.h"
#include "nexwire/http_verdict.h"
#include "nexwire/http_writer.h"
