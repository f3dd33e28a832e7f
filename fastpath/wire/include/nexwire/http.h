// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// HTTP/1.1 (RFC 9110, RFC 9112) without input and output of its own. From below:
//   http_head.h        request and response heads: read, judged, how the body is framed
//   http_chunked.h     the chunked coding with trailers, both ways

#include "nexwire/http_chunked.h"
#include "nexwire/http_head.h"
